"""Several events in one request."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from attrs import evolve
from cloudevents.core.bindings.http import HTTPMessage
from standardwebhooks import Webhook

from asyncevents_core.plugin import Failure, OutcomeKind, receiver_secret
from asyncevents_core.testing.driver import reason_of
from sending import send, usual_sink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Batched:
    def __init__(self) -> None:
        self.requests = []
        self.status = 200
        self.wait = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, body))
        await asyncio.sleep(self.wait)
        return web.Response(status=self.status, text="hello", headers={"retry-after": "7"})

    @property
    def counts(self):
        return [len(json.loads(body)) for _, body in self.requests]


@pytest.fixture
async def recipient(serve):
    made = Batched()
    made.url = await serve(made.handle)
    return made


@pytest.fixture
async def sink_and_new():
    async with usual_sink() as pair:
        yield pair


async def deliver(sink, requests, deadline=5.0):
    return await asyncio.gather(*(sink.deliver(one, deadline) for one in requests))


async def test_what_comes_together_travels_together(recipient, sink_and_new):
    sink, new = sink_and_new
    requests = [
        new(recipient.url, mode="batched", data={"n": n}, secrets=(SECRET,)) for n in range(10)
    ]
    outcomes = await deliver(sink, requests)
    assert {(one.kind, one.http_status, one.response) for one in outcomes} == {
        (OutcomeKind.DELIVERED, 200, "hello")
    }
    ((headers, body),) = recipient.requests
    assert headers["content-type"] == "application/cloudevents-batch+json; charset=utf-8"
    assert [one["data"]["n"] for one in json.loads(body)] == list(range(10))
    assert all(one.body in body for one in requests)
    Webhook(receiver_secret(SECRET)).verify(body, headers)
    assert "asyncevents-delivery" not in headers


async def test_its_id_is_made_from_those_of_its_events(recipient, sink_and_new):
    sink, new = sink_and_new
    requests = [new(recipient.url, mode="batched", data={"n": n}) for n in range(4)]
    for order in (requests, requests[::-1], requests[:3]):
        await deliver(sink, order)
    (first, body), (again, same), (other, _) = recipient.requests
    assert (first["webhook-id"], body) == (again["webhook-id"], same)
    assert first["webhook-id"] != other["webhook-id"]


@pytest.mark.parametrize("status", [503, 429, 403, 404, 410])
async def test_the_status_counts_for_each(recipient, sink_and_new, status):
    sink, new = sink_and_new
    recipient.status = status
    outcomes = await deliver(sink, [new(recipient.url, mode="batched") for _ in range(5)])
    assert {one.http_status for one in outcomes} == {status}
    alone = await send(recipient.url)
    assert {(one.kind, one.retry_after) for one in outcomes} == {(alone.kind, alone.retry_after)}
    assert recipient.counts[0] == 5


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_one_that_is_refused_does_not_take_the_others_with_it(serve, sink_and_new, status):
    sizes = []

    async def particular(request):
        numbers = [one["data"]["n"] for one in json.loads(await request.read())]
        sizes.append(len(numbers))
        return web.Response(status=status if 5 in numbers else 200)

    sink, new = sink_and_new
    url = await serve(particular)
    requests = [new(url, mode="batched", data={"n": n}) for n in range(16)]
    outcomes = await deliver(sink, requests)
    assert [n for n, one in enumerate(outcomes) if one.http_status == status] == [5]
    assert outcomes[5].kind is OutcomeKind.PERMANENT
    assert {one.kind for n, one in enumerate(outcomes) if n != 5} == {OutcomeKind.DELIVERED}
    assert sizes == [16, 8, 4, 4, 2, 1, 1, 2, 8]


async def test_halves_end_in_time_too(recipient, sink_and_new):
    sink, new = sink_and_new
    recipient.status, recipient.wait = 400, 0.2
    requests = [new(recipient.url, mode="batched", batch_wait=0.01) for _ in range(8)]
    outcomes = await deliver(sink, requests, 0.5)
    assert {reason_of(one) for one in outcomes} <= {Failure.INVALID, Failure.TIMED_OUT}
    assert reason_of(outcomes[-1]) is Failure.TIMED_OUT


async def test_a_full_one_leaves_at_once(recipient, sink_and_new):
    sink, new = sink_and_new
    options = {"mode": "batched", "batch_count": 4, "batch_wait": 10}
    outcomes = await asyncio.wait_for(
        deliver(sink, [new(recipient.url, **options) for _ in range(12)], 60.0), 5
    )
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert recipient.counts == [4, 4, 4]


async def test_none_is_larger_than_the_limit(recipient, sink_and_new):
    sink, new = sink_and_new
    options = {"mode": "batched", "batch_bytes": 2000}
    requests = [new(recipient.url, data={"text": "x" * 400}, **options) for _ in range(10)]
    await deliver(sink, requests)
    assert sum(recipient.counts) == 10
    assert max(recipient.counts) > 1
    assert all(len(body) <= 2000 for _, body in recipient.requests)


async def test_one_that_is_larger_by_itself_travels_alone(recipient, sink_and_new):
    sink, new = sink_and_new
    options = {"mode": "batched", "batch_bytes": 1000}
    sizes = [10, 3000, 10]
    requests = [new(recipient.url, data={"text": "x" * size}, **options) for size in sizes]
    outcomes = await deliver(sink, requests)
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert sorted(recipient.counts) == [1, 1, 1]


async def test_one_alone_leaves_when_it_has_waited(recipient, sink_and_new):
    sink, new = sink_and_new
    outcome = await sink.deliver(new(recipient.url, mode="batched", batch_wait=0.05), 5.0)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert recipient.counts == [1]


async def test_it_leaves_before_the_deadline(recipient, sink_and_new):
    sink, new = sink_and_new
    outcome = await sink.deliver(new(recipient.url, mode="batched", batch_wait=10), 0.5)
    assert outcome.kind is OutcomeKind.DELIVERED


@pytest.mark.parametrize(
    "difference", [{"secrets": ("new",)}, {"method": "PUT"}, {"headers": {"x-a": "b"}}]
)
async def test_what_is_sent_otherwise_travels_apart(recipient, sink_and_new, difference):
    sink, new = sink_and_new
    requests = [new(recipient.url, mode="batched") for _ in range(3)]
    requests += [new(recipient.url, mode="batched", **difference) for _ in range(3)]
    await deliver(sink, requests)
    assert recipient.counts == [3, 3]


async def test_subscriptions_travel_apart(recipient, sink_and_new):
    sink, new = sink_and_new
    requests = [evolve(new(recipient.url, mode="batched"), subscription_id=n % 2) for n in range(6)]
    await deliver(sink, requests)
    assert recipient.counts == [3, 3]


async def test_one_that_is_cancelled_in_time_does_not_travel(recipient, sink_and_new):
    sink, new = sink_and_new
    requests = [new(recipient.url, mode="batched", data={"n": n}) for n in range(3)]
    attempts = [asyncio.ensure_future(sink.deliver(one, 5.0)) for one in requests]
    await asyncio.sleep(0.01)
    attempts[1].cancel()
    found = await asyncio.gather(*attempts, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    assert found[0].kind is found[2].kind is OutcomeKind.DELIVERED
    ((_, body),) = recipient.requests
    assert [one["data"]["n"] for one in json.loads(body)] == [0, 2]


async def test_one_that_is_cancelled_under_way_leaves_the_others_alone(recipient, sink_and_new):
    sink, new = sink_and_new
    recipient.wait = 0.2
    requests = [new(recipient.url, mode="batched", batch_wait=0.01) for _ in range(3)]
    attempts = [asyncio.ensure_future(sink.deliver(one, 5.0)) for one in requests]
    while not recipient.requests:
        await asyncio.sleep(0.01)
    attempts[0].cancel()
    found = await asyncio.gather(*attempts, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1].kind is found[2].kind is OutcomeKind.DELIVERED
    assert recipient.counts == [3]


@pytest.mark.parametrize("wait", [0.01, 5], ids=["under way", "waiting"])
async def test_where_all_are_cancelled_nothing_goes_on(recipient, sink_and_new, wait):
    sink, new = sink_and_new
    recipient.wait = 60.0
    requests = [new(recipient.url, mode="batched", batch_wait=wait) for _ in range(3)]
    attempts = [asyncio.ensure_future(sink.deliver(one, 30.0)) for one in requests]
    await asyncio.sleep(0.1)
    for one in attempts:
        one.cancel()
    found = await asyncio.gather(*attempts, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in found)
    await asyncio.sleep(0.01)
    assert (sink._batches._filling, sink._batches._under_way) == ({}, set())
    # And the next ones travel.
    recipient.wait = 0.0
    outcome = await sink.deliver(new(recipient.url, mode="batched", batch_wait=0), 5.0)
    assert outcome.kind is OutcomeKind.DELIVERED


async def test_a_hanging_recipient_times_out_each(recipient, sink_and_new):
    sink, new = sink_and_new
    recipient.wait = 60.0
    requests = [new(recipient.url, mode="batched", batch_wait=0.01) for _ in range(3)]
    outcomes = await deliver(sink, requests, 0.3)
    assert {reason_of(one) for one in outcomes} == {Failure.TIMED_OUT}


async def test_closing_ends_those_that_wait(recipient):
    async with usual_sink() as (sink, new):
        requests = [new(recipient.url, mode="batched", batch_wait=10) for _ in range(3)]
        attempts = [asyncio.ensure_future(sink.deliver(one, 30.0)) for one in requests]
        await asyncio.sleep(0.01)
    outcomes = await asyncio.gather(*attempts)
    assert {reason_of(one) for one in outcomes} == {Failure.NETWORK}
    assert recipient.requests == []
    late = await sink.deliver(requests[0], 5.0)
    assert late.kind is OutcomeKind.RETRYABLE


async def test_refused_targets_are_refused_in_this_mode_too():
    outcome = await send("http://10.0.0.1/", mode="batched")
    assert reason_of(outcome) is Failure.DENIED


async def test_a_bug_is_told_to_each(recipient, sink_and_new, monkeypatch):
    sink, new = sink_and_new

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(sink._client, "send", broken)
    requests = [new(recipient.url, mode="batched") for _ in range(3)]
    found = await asyncio.gather(
        *(sink.deliver(one, 5.0) for one in requests), return_exceptions=True
    )
    assert [type(one) for one in found] == [ZeroDivisionError] * 3


async def test_tokens_and_batches_together(serve):
    came = []

    async def handle(request):
        if request.path == "/token":
            return web.json_response({"access_token": "abc", "expires_in": 60})
        came.append((request.headers["authorization"], len(json.loads(await request.read()))))
        return web.Response()

    url = await serve(handle)
    async with usual_sink() as (sink, new):
        options = {"token_url": url + "token", "client_id": "a", "client_secret": "bcde"}
        outcomes = await deliver(sink, [new(url, mode="batched", **options) for _ in range(5)])
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert came == [("Bearer abc", 5)]


async def test_the_sdk_reads_it(recipient, sink_and_new):
    from cloudevents.core.bindings.http import from_structured_event

    sink, new = sink_and_new
    requests = [new(recipient.url, mode="batched", data={"n": n}) for n in range(3)]
    await deliver(sink, requests)
    ((_, body),) = recipient.requests
    for request, one in zip(requests, json.loads(body), strict=True):
        message = HTTPMessage(
            headers={"content-type": "application/cloudevents+json"}, body=json.dumps(one).encode()
        )
        from cloudevents.core.formats.json import JSONFormat

        event = from_structured_event(message, JSONFormat())
        assert event.get_id() == str(request.event_id)

"""The consent of recipients, and the rate that they allow."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing.driver import reason_of
from asyncevents_http import handshakes
from sending import send, usual_sink


class Consenting:
    """A recipient that says what it is told to OPTIONS, and takes what comes."""

    def __init__(self) -> None:
        self.status = 200
        self.headers = {"WebHook-Allowed-Origin": "shop.example", "WebHook-Allowed-Rate": "*"}
        self.post_status = 200
        self.asked = []
        self.came = []
        self.wait = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            self.asked.append(request.headers)
            await asyncio.sleep(self.wait)
            return web.Response(status=self.status, headers=self.headers)
        self.came.append(request.headers["webhook-id"])
        return web.Response(status=self.post_status)


@pytest.fixture
async def recipient(serve):
    made = Consenting()
    made.url = await serve(made.handle)
    return made


@pytest.fixture
async def sink_and_new():
    async with usual_sink(handshake_origin="shop.example") as pair:
        yield pair


CONFIG = {"handshake_origin": "shop.example"}


async def test_it_is_asked_once_before_the_first_delivery(recipient, sink_and_new):
    sink, new = sink_and_new
    for _ in range(3):
        request = new(recipient.url, handshake=True, handshake_rate=120, bearer_token="abc")
        assert (await sink.deliver(request, 5.0)).kind is OutcomeKind.DELIVERED
    (headers,) = recipient.asked
    assert headers["webhook-request-origin"] == "shop.example"
    assert headers["webhook-request-rate"] == "120"
    assert headers["authorization"] == "Bearer abc"
    assert "webhook-id" not in headers
    assert "content-type" not in headers
    assert len(recipient.came) == 3


async def test_many_at_once_ask_once(recipient, sink_and_new):
    sink, new = sink_and_new
    recipient.wait = 0.05
    requests = [new(recipient.url, handshake=True) for _ in range(20)]
    outcomes = await asyncio.gather(*(sink.deliver(one, 5.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert len(recipient.asked) == 1
    assert "webhook-request-rate" not in recipient.asked[0]


async def test_without_the_option_nobody_is_asked(recipient):
    assert (await send(recipient.url)).kind is OutcomeKind.DELIVERED
    assert recipient.asked == []


@pytest.mark.parametrize(
    "allowed", ["*", "shop.example", "SHOP.example", "a.example, shop.example"]
)
async def test_what_is_consent(recipient, allowed):
    recipient.headers = {"WebHook-Allowed-Origin": allowed}
    outcome = await send(recipient.url, config=CONFIG, handshake=True)
    assert outcome.kind is OutcomeKind.DELIVERED


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (200, {}, "without WebHook-Allowed-Origin"),
        (200, {"WebHook-Allowed-Origin": "other.example"}, "other.example"),
        (200, {"WebHook-Allowed-Origin": ""}, "WebHook-Allowed-Origin"),
        (204, {}, "without WebHook-Allowed-Origin"),
        (404, {"WebHook-Allowed-Origin": "*"}, "HTTP 404"),
        (405, {}, "HTTP 405"),
        (401, {}, "HTTP 401"),
        (302, {}, "HTTP 302"),
    ],
)
async def test_what_is_none(recipient, sink_and_new, status, headers, said):
    sink, new = sink_and_new
    recipient.status, recipient.headers = status, headers
    for _ in range(3):
        outcome = await sink.deliver(new(recipient.url, handshake=True), 5.0)
        assert reason_of(outcome) is Failure.DENIED
        assert "does not consent to webhooks of shop.example" in outcome.detail
        assert said in outcome.detail
        assert outcome.http_status == status
    assert recipient.came == []
    # A refusal stands for a minute.
    assert len(recipient.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_recipient_that_fails_is_asked_again(recipient, sink_and_new, status):
    sink, new = sink_and_new
    good, recipient.headers = recipient.headers, {"Retry-After": "7"}
    recipient.status = status
    outcome = await sink.deliver(new(recipient.url, handshake=True), 5.0)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert (outcome.http_status, outcome.retry_after) == (status, 7)
    recipient.status, recipient.headers = 200, good
    outcome = await sink.deliver(new(recipient.url, handshake=True), 5.0)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert len(recipient.asked) == 2


async def test_one_that_is_not_there():
    outcome = await send("http://127.0.0.1:1/", handshake=True)
    assert reason_of(outcome) is Failure.NETWORK


async def test_it_is_asked_again_after_a_day(recipient, sink_and_new, monkeypatch):
    import time

    ahead, clock = [0.0], time.monotonic
    monkeypatch.setattr(handshakes.time, "monotonic", lambda: clock() + ahead[0])
    sink, new = sink_and_new
    for ahead[0], wanted in ((0, 1), (86_000, 1), (86_500, 2)):
        await sink.deliver(new(recipient.url, handshake=True), 5.0)
        assert len(recipient.asked) == wanted


@pytest.mark.parametrize(("status", "wanted"), [(403, 2), (404, 2), (503, 1), (400, 1)])
async def test_it_is_asked_again_where_it_has_refused(recipient, sink_and_new, status, wanted):
    sink, new = sink_and_new
    recipient.post_status = status
    for _ in range(2):
        await sink.deliver(new(recipient.url, handshake=True), 5.0)
    assert len(recipient.asked) == wanted


async def test_the_rate_is_kept(recipient, sink_and_new):
    """120 a minute are two a second: what would have to wait long is retried in its turn."""
    recipient.headers = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "6"}
    sink, new = sink_and_new
    requests = [new(recipient.url, handshake=True) for _ in range(4)]
    outcomes = [await sink.deliver(one, 15.0) for one in requests]
    assert outcomes[0].kind is OutcomeKind.DELIVERED
    assert [reason_of(one) for one in outcomes[1:]] == [Failure.THROTTLED] * 3
    assert "6 requests a minute" in outcomes[1].detail
    # Each has a turn of its own, ten seconds after the one before.
    turns = [one.retry_after for one in outcomes[1:]]
    assert [round(one / 10) for one in turns] == [1, 2, 3]
    assert len(recipient.came) == 1


async def test_short_waits_are_waited_for(recipient, sink_and_new):
    recipient.headers = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "600"}
    sink, new = sink_and_new
    requests = [new(recipient.url, handshake=True) for _ in range(6)]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    outcomes = await asyncio.gather(*(sink.deliver(one, 15.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert loop.time() - begun >= 0.5


async def test_subscriptions_to_a_target_share_its_rate(recipient, sink_and_new):
    recipient.headers = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "6"}
    sink, new = sink_and_new
    one = await sink.deliver(new(recipient.url, handshake=True), 5.0)
    other = await sink.deliver(new(recipient.url, handshake=True, mode="plain"), 5.0)
    assert one.kind is OutcomeKind.DELIVERED
    assert reason_of(other) is Failure.THROTTLED


@pytest.mark.parametrize("rate", ["*", "0", "many", "-1", "", "9" * 100])
async def test_rates_that_are_none(recipient, sink_and_new, rate):
    recipient.headers = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": rate}
    sink, new = sink_and_new
    for _ in range(5):
        outcome = await sink.deliver(new(recipient.url, handshake=True), 5.0)
        assert outcome.kind is OutcomeKind.DELIVERED


def test_turns():
    pace = handshakes._Pace(10.0)
    assert [pace.turn(one, 100.0) for one in "abc"] == [0, 10, 20]
    # Who comes too early is told again; who comes in time has the turn.
    assert pace.turn("b", 105.0) == 5
    assert pace.turn("b", 110.0) == 0
    assert pace.turn("d", 110.0) == 20
    assert pace.turn("c", 500.0) == 0
    assert pace.turn("e", 500.0) == 0


def test_turns_are_given_for_an_hour_only():
    pace = handshakes._Pace(3000.0)
    assert [pace.turn(one, 0.0) for one in "abcd"] == [0, 3000, 3600, 3600]


async def test_the_deadline_is_that_of_the_attempt(recipient):
    recipient.wait = 60.0
    outcome = await send(recipient.url, deadline=0.2, handshake=True, config={"timeout": 1.0})
    assert reason_of(outcome) is Failure.TIMED_OUT


async def test_one_event_has_a_turn_for_each_subscription(recipient, sink_and_new):
    from attrs import evolve

    from asyncevents_core.testing import make_request

    recipient.headers = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "6"}
    sink, new = sink_and_new
    await sink.deliver(new(recipient.url, handshake=True), 5.0)
    request = new(recipient.url, handshake=True)
    other = evolve(request, delivery_id=make_request(target="http://a.example/").delivery_id)
    outcomes = [await sink.deliver(one, 5.0) for one in (request, other)]
    assert [round(one.retry_after / 10) for one in outcomes] == [1, 2]


def test_turns_are_not_kept_without_end(monkeypatch):
    monkeypatch.setattr(handshakes, "_MOST_RESERVED", 3)
    pace = handshakes._Pace(1.0)
    assert [pace.turn(one, 0.0) for one in "abcdef"] == [0, 1, 2, 3, 4, 4]
    # Those of an hour ago, for which nobody has come, make room.
    assert pace.turn("g", 4000.0) == 0
    assert len(pace._reserved) == 0

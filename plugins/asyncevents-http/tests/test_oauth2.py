"""Access tokens: fetched once, renewed before they end and when they are revoked."""

from __future__ import annotations

import asyncio
import base64
import time

import pytest
from aiohttp import web

from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing.driver import reason_of
from asyncevents_http import tokens
from sending import send, usual_sink

ID, PASSWORD = "shop:1", "s3cr3t+/ä"


class Authority:
    """Issues tokens, and is the API that wants them."""

    def __init__(self) -> None:
        self.life: object = 3600
        self.status = 200
        self.more: dict[str, object] = {}
        self.asked: list[tuple[dict[str, str], str | None]] = []
        self.good: set[str] = set()
        self.refuses_all = False
        self.came: list[tuple[str, str]] = []
        self.wait = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        return await (self.issue(request) if request.path == "/token" else self.take(request))

    async def issue(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.asked.append((form, request.headers.get("authorization")))
        await asyncio.sleep(self.wait)
        if self.status != 200:
            return web.json_response(
                {"error": "invalid_client", "error_description": f"no: {PASSWORD}"},
                status=self.status,
            )
        token = f"token-number-{len(self.asked)}"
        self.good.add(token)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.life}
        return web.json_response({**answer, **self.more})

    async def take(self, request: web.Request) -> web.Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.came.append((request.headers["webhook-id"], token))
        if token not in self.good or self.refuses_all:
            return web.Response(status=401, text=f"{token} is not good")
        return web.Response(text=f"hello {token}")


@pytest.fixture
async def authority(serve):
    made = Authority()
    made.url = await serve(made.handle)
    made.options = {
        "token_url": made.url + "token",
        "client_id": ID,
        "client_secret": PASSWORD,
    }
    return made


async def test_a_token_is_fetched_and_used_again(authority):
    async with usual_sink() as (sink, new):
        for _ in range(3):
            outcome = await sink.deliver(new(authority.url, **authority.options), 5.0)
            assert outcome.kind is OutcomeKind.DELIVERED
    ((form, authorization),) = authority.asked
    assert form == {"grant_type": "client_credentials"}
    # Encoded as a form first: RFC 6749, 2.3.1.
    written = base64.b64decode(authorization.removeprefix("Basic ")).decode()
    assert written == "shop%3A1:s3cr3t%2B%2F%C3%A4"
    assert {token for _, token in authority.came} == {"token-number-1"}


async def test_the_secret_in_the_form(authority):
    more = {"scope": "a b", "audience": "https://api.example", "client_auth": "body"}
    assert (await send(authority.url, **authority.options, **more)).kind is OutcomeKind.DELIVERED
    ((form, authorization),) = authority.asked
    assert authorization is None
    assert form == {
        "grant_type": "client_credentials",
        "scope": "a b",
        "audience": "https://api.example",
        "client_id": ID,
        "client_secret": PASSWORD,
    }


async def test_many_at_once_fetch_one(authority):
    authority.wait = 0.05
    async with usual_sink() as (sink, new):
        requests = [new(authority.url, **authority.options) for _ in range(50)]
        outcomes = await asyncio.gather(*(sink.deliver(one, 15.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert len(authority.asked) == 1


async def test_other_credentials_are_other_tokens(authority):
    async with usual_sink() as (sink, new):
        for more in ({}, {"scope": "a"}, {"client_id": "b"}, {"client_secret": "c"}):
            await sink.deliver(new(authority.url, **{**authority.options, **more}), 5.0)
    assert len(authority.asked) == 4


async def test_it_is_renewed_before_it_ends(authority, monkeypatch):
    ahead = [0.0]
    clock = time.monotonic
    monkeypatch.setattr(tokens.time, "monotonic", lambda: clock() + ahead[0])
    async with usual_sink() as (sink, new):
        for ahead[0], wanted in ((0, 1), (3500, 1), (3545, 2)):
            await sink.deliver(new(authority.url, **authority.options), 5.0)
            assert len(authority.asked) == wanted
    assert [token for _, token in authority.came][-1] == "token-number-2"


async def test_one_that_was_revoked_is_renewed_once_within_the_attempt(authority):
    async with usual_sink() as (sink, new):
        await sink.deliver(new(authority.url, **authority.options), 5.0)
        authority.good.clear()
        request = new(authority.url, **authority.options)
        outcome = await sink.deliver(request, 5.0)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert len(authority.asked) == 2
    # The same request again: the same id, and another token.
    assert authority.came[1:] == [
        (str(request.event_id), "token-number-1"),
        (str(request.event_id), "token-number-2"),
    ]


async def test_many_that_meet_a_revoked_one_renew_it_once(authority):
    async with usual_sink() as (sink, new):
        await sink.deliver(new(authority.url, **authority.options), 5.0)
        authority.good.clear()
        requests = [new(authority.url, **authority.options) for _ in range(20)]
        outcomes = await asyncio.gather(*(sink.deliver(one, 15.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert len(authority.asked) == 2


async def test_a_recipient_that_takes_none_is_asked_twice_and_no_more(authority):
    authority.refuses_all = True
    outcome = await send(authority.url, **authority.options)
    assert reason_of(outcome) is Failure.CREDENTIALS
    assert outcome.http_status == 401
    assert (len(authority.came), len(authority.asked)) == (2, 2)
    assert "token-number" not in outcome.response


async def test_recipients_that_repeat_a_token_do_not_bring_it_into_the_log(authority):
    outcome = await send(authority.url, **authority.options)
    assert outcome.response == "hello •••"


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 302])
async def test_an_authority_that_fails(authority, status):
    authority.status = status
    outcome = await send(authority.url, **authority.options)
    assert reason_of(outcome) is Failure.CREDENTIALS
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.RETRYABLE, status)
    assert f"no token from {authority.url}token: HTTP {status}, invalid_client" in outcome.detail
    assert PASSWORD not in outcome.detail
    assert authority.came == []


@pytest.mark.parametrize(
    "more",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": "a\r\nx: y"},
        {"access_token": "x" * 20_000},
        {"token_type": "mac"},
        {"token_type": 7},
    ],
)
async def test_an_answer_without_a_token(authority, more):
    authority.more = more
    outcome = await send(authority.url, **authority.options)
    assert reason_of(outcome) is Failure.CREDENTIALS
    assert "HTTP 200" in outcome.detail
    assert authority.came == []


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"\xff", b"[" * 10_000])
async def test_an_answer_that_is_no_object(serve, authority, body):
    async def answer(_):
        return web.Response(body=body)

    url = await serve(answer)
    outcome = await send(authority.url, **{**authority.options, "token_url": url})
    assert reason_of(outcome) is Failure.CREDENTIALS


@pytest.mark.parametrize("life", ["3600", None, -1, True, 10**30, 0.5])
async def test_lives_of_every_form(authority, life):
    authority.life = life
    outcome = await send(authority.url, **authority.options)
    assert outcome.kind is OutcomeKind.DELIVERED


async def test_an_authority_that_is_not_there(authority):
    options = {**authority.options, "token_url": "http://127.0.0.1:1/token"}
    outcome = await send(authority.url, **options)
    assert reason_of(outcome) is Failure.CREDENTIALS
    assert "no token from http://127.0.0.1:1/token: cannot connect" in outcome.detail


async def test_the_deadline_is_that_of_the_attempt(authority):
    authority.wait = 60.0
    outcome = await send(authority.url, deadline=0.2, config={"timeout": 2.0}, **authority.options)
    assert reason_of(outcome) is Failure.TIMED_OUT


async def test_one_that_is_cancelled_leaves_the_token_to_the_others(authority):
    authority.wait = 0.1
    async with usual_sink() as (sink, new):
        first = asyncio.ensure_future(sink.deliver(new(authority.url, **authority.options), 5.0))
        await asyncio.sleep(0.03)
        second = asyncio.ensure_future(sink.deliver(new(authority.url, **authority.options), 5.0))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).kind is OutcomeKind.DELIVERED
        with pytest.raises(asyncio.CancelledError):
            await first
    assert len(authority.asked) == 1


async def test_the_guard_stands_before_the_authority_too(authority, monkeypatch):
    import socket

    from asyncevents_http.resolving import GuardedResolver

    found = [(socket.AF_INET, "10.0.0.1")]
    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(lambda *_: found))
    options = {**authority.options, "token_url": "http://login.example/token"}
    outcome = await send(authority.url, **options)
    assert reason_of(outcome) is Failure.DENIED
    assert "login.example is 10.0.0.1" in outcome.detail
    assert authority.came == []


async def test_closing_ends_a_fetch(authority):
    authority.wait = 60.0
    async with usual_sink() as (sink, new):
        attempt = asyncio.ensure_future(sink.deliver(new(authority.url, **authority.options), 15.0))
        while not authority.asked:
            await asyncio.sleep(0.01)
    outcome = await attempt
    assert outcome.kind is OutcomeKind.RETRYABLE

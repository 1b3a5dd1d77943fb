"""HTTP/2, where the options ask for it."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import ssl

import pytest
from authorities import issue, wants_clients
from certificates import LOOPBACK, make
from http2_server import serving_http2
from http_conformance import HttpConformance
from strange import HELLO, OK
from wires import Script

from asyncevents_core.errors import MissingExtra
from asyncevents_core.plugin import OutcomeKind
from asyncevents_core.testing import make_request
from asyncevents_http import http2
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.resolving import GuardedResolver
from sending import post, sink_with, usual_sink
from tests.streams import serving


@pytest.fixture
def certificate(tmp_path):
    return make(tmp_path, "Our own CA", LOOPBACK)


@pytest.fixture
def over_http2(certificate):
    return {"http2": True, "ca_certs": str(certificate[0]), "allow": ("127.0.0.0/8",)}


class TestOverHttp2(HttpConformance):
    """The suite that core ships, over HTTP/2."""

    @pytest.fixture
    def config(self, over_http2):
        return HttpConfig(**over_http2)

    @pytest.fixture
    async def target(self, certificate, bodies, bodies_there, requested, beside):
        async def answer(path, headers, body):
            if path.startswith("/status/"):
                requested[path] += 1
                return int(path.rpartition("/")[2]), [], b""
            if path == "/hang":
                await asyncio.sleep(60)
            (bodies if path == "/hook" else bodies_there).append(body)
            beside.append(self.came_beside(headers))
            return 200, [], b"thank you"

        async with serving_http2(answer, certificate) as (port, _):
            yield f"https://127.0.0.1:{port}/hook"


async def answered(over_http2, certificate, answer, *, path="/", deadline=5.0, **more):
    async with serving_http2(answer, certificate) as (port, _):
        return await post(
            f"https://127.0.0.1:{port}{path}", deadline=deadline, **{**over_http2, **more}
        )


async def test_what_is_sent(over_http2, certificate):
    came = []

    async def answer(path, headers, body):
        came.append((path, headers, body))
        return 202, [("content-type", "text/plain")], b"hello"

    outcome = await answered(
        over_http2, certificate, answer, path="/a?b=%3A%2F%2F", secrets=("supersecret",)
    )
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.DELIVERED, 202)
    assert outcome.response == "hello"
    ((path, headers, body),) = came
    assert path == "/a?b=%3A%2F%2F"
    assert headers[":method"] == "POST"
    assert headers["content-length"] == str(len(body))
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["webhook-signature"].startswith("v1,")


async def test_many_requests_share_one_connection(over_http2, certificate):
    async def answer(path, headers, body):
        await asyncio.sleep(0.01)
        return 200, [], b"ok"

    async with (
        serving_http2(answer, certificate) as (port, opened),
        sink_with(**over_http2) as sink,
    ):
        request = make_request(target=f"https://127.0.0.1:{port}/")
        await sink.deliver(request, 5.0)
        outcomes = await asyncio.gather(*(sink.deliver(request, 15.0) for _ in range(60)))
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
        assert len(opened) == 1


@pytest.mark.parametrize("status", [301, 401, 404, 410, 413, 429, 500, 503])
async def test_statuses(over_http2, certificate, status):
    async def answer(path, headers, body):
        return status, [("retry-after", "7"), ("location", "/elsewhere")], b""

    outcome = await answered(over_http2, certificate, answer)
    assert outcome.http_status == status
    if status == 429:
        assert outcome.retry_after == 7.0
    if status == 301:
        assert "to /elsewhere" in outcome.detail


async def test_a_large_answer_is_cut(over_http2, certificate):
    async def answer(path, headers, body):
        return 200, [], b"x" * 1_000_000

    outcome = await answered(over_http2, certificate, answer, response_cap=100)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert outcome.response == "x" * 100 + " … (cut)"


async def test_a_stream_that_is_reset_is_retried(over_http2, certificate):
    async def answer(path, headers, body):
        return None, [], b""

    outcome = await answered(over_http2, certificate, answer)
    assert (outcome.kind, outcome.timed_out) == (OutcomeKind.RETRYABLE, False)
    assert outcome.detail.startswith("network: ")


async def test_no_answer_in_time(over_http2, certificate):
    async def answer(path, headers, body):
        await asyncio.sleep(60)

    outcome = await answered(over_http2, certificate, answer, deadline=0.5)
    assert outcome.detail == "timed out: no answer within 0.5 s"


@pytest.mark.parametrize(
    ("target", "allow", "words"),
    [
        ("https://127.0.0.1:1/", ("127.0.0.0/8",), "cannot connect to 127.0.0.1:1: Connection"),
        ("https://no-such-host.invalid/", (), "cannot resolve no-such-host.invalid"),
        ("https://127.0.0.1:1/", (), "access denied: 127.0.0.1 is an address that is not public"),
    ],
)
async def test_the_guard_and_its_words(over_http2, target, allow, words):
    outcome = await post(target, **{**over_http2, "allow": allow})
    assert words in outcome.detail


async def test_a_name_is_checked_by_what_it_resolves_to(over_http2, certificate, monkeypatch):
    async def answer(path, headers, body):
        return 200, [], b""

    found = [(socket.AF_INET, "127.0.0.1")]
    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(lambda _: found))
    async with serving_http2(answer, certificate) as (port, opened):
        outcome = await post(f"https://shop.example:{port}/", **{**over_http2, "allow": ()})
        assert outcome.detail.startswith("access denied: shop.example is 127.0.0.1")
        assert opened == []


async def test_who_is_not_trusted(over_http2, certificate, tmp_path):
    async def answer(path, headers, body):
        return 200, [], b""

    outcome = await answered(over_http2, certificate, answer, ca_certs=None)
    assert outcome.detail.startswith("network: TLS: ")
    assert "certificate verify failed" in outcome.detail


async def test_a_silent_server_takes_the_time_to_connect_only(over_http2):
    async def handle(reader, writer):
        await reader.read()

    async with serving(handle) as port:
        outcome = await post(f"https://127.0.0.1:{port}/", **over_http2, connect_timeout=0.2)
    assert outcome.detail == f"timed out: no connection to 127.0.0.1:{port} within 0.2 s"


@pytest.mark.parametrize("tls", [True, False])
async def test_who_has_no_http2_gets_http1(over_http2, certificate, tls):
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    script = Script(HELLO)
    async with serving(script.handle, tls=context) as port:
        outcome = await post(f"http{'s' if tls else ''}://127.0.0.1:{port}/x", **over_http2)
    assert (outcome.kind, outcome.response) == (OutcomeKind.DELIVERED, "hello")
    assert script.requests[0].startswith(b"POST /x HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (b"", OutcomeKind.RETRYABLE, "the connection was closed without an answer"),
        (b"rubbish\r\n\r\n", OutcomeKind.RETRYABLE, "network: "),
        (OK + b"Content-Length: 9\r\n\r\nhello", OutcomeKind.DELIVERED, "did not arrive"),
    ],
)
async def test_half_an_answer(over_http2, raw, kind, words):
    async with serving(Script(raw).handle) as port:
        outcome = await post(f"http://127.0.0.1:{port}/", **over_http2)
    assert outcome.kind is kind
    assert words in outcome.detail


async def test_cancellation_passes_through(over_http2, certificate):
    there = asyncio.Event()

    async def answer(path, headers, body):
        there.set()
        await asyncio.sleep(60)

    async with serving_http2(answer, certificate) as (port, _), sink_with(**over_http2) as sink:
        request = make_request(target=f"https://127.0.0.1:{port}/")
        attempt = asyncio.create_task(sink.deliver(request, 15.0))
        await there.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "h2" else found(name)
    )
    with pytest.raises(MissingExtra, match=r"pip install 'asyncevents-http\[http2\]'"):
        HttpSinkType().open(HttpConfig(http2=True))
    assert HttpSinkType().open(HttpConfig())


async def test_pools_of_identities_are_not_kept_without_end(certificate, over_http2, monkeypatch):
    monkeypatch.setattr(http2, "_MOST_POOLS", 2)
    clients = [issue(f"client {number}") for number in range(5)]

    async def answer(path, headers, body):
        return 200, [], b"hello"

    tls = wants_clients(certificate, *clients)
    tls.set_alpn_protocols(["h2"])
    async with (
        serving_http2(answer, certificate, tls=tls) as (port, opened),
        usual_sink(**over_http2) as (sink, new),
    ):
        requests = [
            new(
                f"https://127.0.0.1:{port}/", client_certificate=one.certificate, client_key=one.key
            )
            for one in clients
        ]
        for request in [*requests, *requests[::-1]]:
            outcome = await sink.deliver(request, 5.0)
            assert outcome.kind is OutcomeKind.DELIVERED
        outcomes = await asyncio.gather(*(sink.deliver(one, 5.0) for one in requests * 4))
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
        await sink.deliver(requests[0], 5.0)
        assert len(sink._client._http2._pools) <= 3
    assert len(opened) > len(clients)

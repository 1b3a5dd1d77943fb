"""What each answer, and each lack of one, means."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

import pytest
from aiohttp import web

from asyncevents_core.plugin import OutcomeKind
from asyncevents_core.testing import make_request
from asyncevents_http.outcomes import retry_after
from asyncevents_http.resolving import GuardedResolver
from sending import post, sink_with

WORDS = {
    200: "HTTP 200",
    202: "HTTP 202",
    204: "HTTP 204",
    301: "invalid: HTTP 301",
    304: "invalid: HTTP 304",
    307: "invalid: HTTP 307",
    400: "invalid: HTTP 400",
    401: "access denied: HTTP 401",
    403: "access denied: HTTP 403",
    404: "unknown target: HTTP 404",
    408: "unavailable: HTTP 408",
    410: "HTTP 410: the recipient wants no more",
    413: "too large: HTTP 413",
    418: "invalid: HTTP 418",
    425: "unavailable: HTTP 425",
    429: "throttled: HTTP 429",
    500: "unavailable: HTTP 500",
    503: "unavailable: HTTP 503",
    599: "unavailable: HTTP 599",
}
RETRIED = {408, 425, 429, 500, 503, 599}


def kind_of(status: int) -> OutcomeKind:
    if status < 300:
        return OutcomeKind.DELIVERED
    if status == 410:
        return OutcomeKind.GONE
    return OutcomeKind.RETRYABLE if status in RETRIED else OutcomeKind.PERMANENT


@pytest.mark.parametrize(("status", "words"), WORDS.items())
async def test_statuses(serve, status, words):
    async def answer(_):
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:1/elsewhere"})

    outcome = await post(await serve(answer))
    assert (outcome.kind, outcome.http_status) == (kind_of(status), status)
    assert outcome.detail.startswith(words)


async def test_redirects_are_named_and_not_followed(serve):
    seen = []

    async def answer(request):
        seen.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    outcome = await post(await serve(answer))
    assert seen == ["/"]
    assert "redirects are not followed" in outcome.detail
    assert "/elsewhere" in outcome.detail


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), (" 7 ", 7.0), ("soon", None), (None, None), ("-1", None), ("1e3", None)],
)
def test_retry_after_in_seconds(value, seconds):
    assert retry_after(value) == seconds


def test_retry_after_as_a_date():
    assert 55 < retry_after(formatdate(time.time() + 60, usegmt=True)) <= 60
    assert retry_after(formatdate(time.time() - 60, usegmt=True)) == 0.0


async def test_retry_after_is_passed_on(serve):
    async def answer(_):
        return web.Response(status=429, headers={"Retry-After": "33"})

    assert (await post(await serve(answer))).retry_after == 33.0


async def test_the_response_is_kept_up_to_the_cap(serve):
    async def answer(_):
        return web.Response(text="é" * 10_000)

    outcome = await post(await serve(answer), response_cap=101)
    assert outcome.response.startswith("é" * 50)
    assert outcome.response.endswith("(cut)")
    assert len(outcome.response) < 120


async def test_an_endless_response_is_cut_off(serve):
    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)

    outcome = await post(await serve(answer), response_cap=1000)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert len(outcome.response) < 1100


async def test_a_success_whose_body_never_ends_is_a_success(serve):
    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"thank")
        await asyncio.sleep(60)
        return response

    # Time enough for the connection and what comes before the body.
    outcome = await post(await serve(answer), deadline=3.0)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert "did not arrive" in outcome.detail
    assert outcome.response == "thank"


async def test_a_recipient_that_hangs_times_out(serve):
    async def answer(_):
        await asyncio.sleep(60)

    outcome = await post(await serve(answer), deadline=0.3)
    assert (outcome.kind, outcome.timed_out) == (OutcomeKind.RETRYABLE, True)
    assert outcome.detail == "timed out: no answer within 0.3 s"


async def test_the_sinks_own_time_out_counts_too(serve):
    async def answer(_):
        await asyncio.sleep(60)

    assert (await post(await serve(answer), timeout=0.2)).timed_out


async def test_a_connection_that_is_closed_is_retried(serve_raw):
    async def handle(reader, writer):
        await reader.read(100)
        writer.close()

    outcome = await post(await serve_raw(handle))
    assert (outcome.kind, outcome.timed_out) == (OutcomeKind.RETRYABLE, False)
    assert outcome.detail.startswith("network: ")


async def test_a_connection_that_is_refused_is_retried():
    outcome = await post("http://127.0.0.1:1/")
    assert (outcome.kind, outcome.timed_out) == (OutcomeKind.RETRYABLE, False)
    assert outcome.detail == "network: cannot connect to 127.0.0.1:1: Connection refused"


async def test_rubbish_instead_of_http_is_retried(serve_raw):
    async def handle(reader, writer):
        await reader.read(100)
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        await writer.drain()
        writer.close()

    outcome = await post(await serve_raw(handle))
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("network: ")


@pytest.mark.parametrize("reason", ["Réussi", "OK", ""])
async def test_the_words_after_the_status_do_not_matter(serve_raw, reason):
    async def handle(reader, writer):
        await reader.read(100)
        writer.write(f"HTTP/1.1 200 {reason}\r\ncontent-length: 2\r\n\r\nok".encode("latin-1"))
        await writer.drain()
        writer.close()

    outcome = await post(await serve_raw(handle))
    assert (outcome.kind, outcome.response) == (OutcomeKind.DELIVERED, "ok")


async def test_what_a_library_cannot_encode_is_a_failure_with_words(monkeypatch):
    def look_up(*_):
        raise UnicodeEncodeError("idna", "a..b", 1, 2, "label empty")

    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(look_up))
    outcome = await post("http://shop.example/")
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("network: UnicodeEncodeError")
    assert "label empty" in outcome.detail


async def test_tls_to_a_server_without_it_is_retried(serve):
    async def answer(_):
        return web.Response()

    url = (await serve(answer)).replace("http:", "https:")
    outcome = await post(url)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("network: ")


async def test_a_name_that_does_not_resolve_is_retried():
    outcome = await post("http://no-such-host.invalid/")
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("network: cannot resolve no-such-host.invalid")


async def test_a_compressed_answer_does_no_harm(serve):
    async def answer(request):
        response = web.Response(text="x" * 5000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    assert (await post(await serve(answer))).kind is OutcomeKind.DELIVERED


async def test_connections_are_kept_and_shared(serve):
    peers = set()

    async def answer(request):
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    url = await serve(answer)
    async with sink_with() as sink:
        for _ in range(5):
            await sink.deliver(make_request(target=url), 5.0)
        assert len(peers) == 1
        outcomes = await asyncio.gather(
            *(sink.deliver(make_request(target=url), 15.0) for _ in range(200))
        )
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}


async def test_cancellation_passes_through(serve):
    async def answer(_):
        await asyncio.sleep(60)

    url = await serve(answer)
    async with sink_with() as sink:
        attempt = asyncio.ensure_future(sink.deliver(make_request(target=url), 15.0))
        await asyncio.sleep(0.1)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt

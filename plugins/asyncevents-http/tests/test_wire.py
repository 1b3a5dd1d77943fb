"""Times, limits, and ends: of requests, of connections, of a wire."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from certificates import LOOPBACK, make
from strange import CHUNKED, HELLO, OK
from wires import CAP, Script, ask, read_request, wire_with

from asyncevents_core.plugin import OutcomeKind
from asyncevents_core.testing import make_request
from asyncevents_http.guard import AddressRefused
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.wire.connection import Connection
from asyncevents_http.wire.errors import CannotConnect, CannotResolve, NoAnswer, TooSlow
from asyncevents_http.wire.exchange import Origin, Request
from asyncevents_http.wire.pool import Bounds
from sending import sink_with
from tests.streams import serving

ONE = Bounds(in_use=1, in_use_per_origin=1, kept=1)


async def never(reader, writer):
    await reader.read()


@pytest.mark.parametrize(
    "parts",
    [[], [b"HTTP/1.1 2"], [b"HTTP/1.1 100 Continue\r\n\r\n"], [b"HTTP/1.1 200 O"]],
)
async def test_without_a_status_in_time_there_is_no_answer(parts):
    async with wire_with() as wire, serving(Script(parts, closes=False).handle) as port:
        with pytest.raises(TooSlow, match=r"no answer within 0\.2 s"):
            await ask(wire, port, deadline=0.2)


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([OK], b""),
        ([OK, b"X-A: 1\r\nX-"], b""),
        ([OK, b"Content-Length: 9\r\n\r\nhello"], b"hello"),
        ([CHUNKED, b"5\r\nhello\r\n"], b"hello"),
        ([OK, b"\r\nhello"], b"hello"),
    ],
)
async def test_a_status_in_time_stands(parts, body):
    async with wire_with() as wire, serving(Script(parts, closes=False).handle) as port:
        answer = await ask(wire, port, deadline=0.3)
    assert (answer.status, answer.body) == (200, body)
    assert "did not arrive (no end of it within 0.3 s)" in answer.note


async def test_a_head_that_drips_is_over_with_the_deadline():
    async def handle(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 ")
        while True:
            writer.write(b" ")
            await asyncio.sleep(0.01)

    async with wire_with() as wire, serving(handle) as port:
        with pytest.raises((TooSlow, NoAnswer)):
            await ask(wire, port, deadline=0.3)


@pytest.mark.parametrize(
    "start", [CHUNKED, CHUNKED + b"1\r\nx\r\n0\r\n", OK, b"", b"HTTP/1.1 100 C"]
)
@pytest.mark.parametrize("endless", [b"X-A: 1\r\n", b"1;x=y\r\nz\r\n", b"\r\n", b"x" * 100])
async def test_nothing_is_read_without_an_end(start, endless):
    written = 0

    async def handle(reader, writer):
        nonlocal written
        await read_request(reader)
        writer.write(start)
        while True:
            writer.write(endless * 1000)
            await writer.drain()
            written += len(endless) * 1000

    async with wire_with() as wire, serving(handle) as port:
        try:
            answer = await ask(wire, port, deadline=60.0)
        except NoAnswer:
            assert not start.startswith(OK)
        else:
            assert len(answer.body) <= CAP
    assert written < 100_000_000


async def test_a_body_beyond_the_cap_is_not_read_and_its_connection_ends():
    ended = asyncio.Event()

    async def handle(reader, writer):
        await read_request(reader)
        writer.write(OK + b"Content-Length: 1000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 10_000)
                await writer.drain()
        except ConnectionError:
            ended.set()

    async with wire_with() as wire, serving(handle) as port:
        answer = await ask(wire, port)
        assert (answer.body, answer.cut, answer.note) == (b"x" * CAP, True, "")
        async with asyncio.timeout(10):
            await ended.wait()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_000, 8_000_000])
async def test_bodies_of_every_size_arrive(size):
    came = []

    async def handle(reader, writer):
        came.append((await read_request(reader)).partition(b"\r\n\r\n")[2])
        writer.write(HELLO)

    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    async with wire_with() as wire, serving(handle, limit=2**20) as port:
        await ask(wire, port, body=body)
    assert came == [body]


@pytest.mark.parametrize("status", [200, 401, 413])
async def test_an_answer_that_comes_before_the_request_is_sent_is_taken(status):
    """And the connection is not used again: the rest of the request would go first."""
    connections = 0

    async def handle(reader, writer):
        nonlocal connections
        connections += 1
        await reader.readexactly(10)
        writer.write(b"HTTP/1.1 %d Early\r\nContent-Length: 0\r\n\r\n" % status)
        await writer.drain()
        await asyncio.sleep(60)

    async with wire_with() as wire, serving(handle) as port:
        for _ in range(2):
            answer = await ask(wire, port, body=b"x" * 30_000_000)
            assert (answer.status, answer.note) == (status, "")
    assert connections == 2


async def test_who_closes_without_reading_on_has_answered():
    async def handle(reader, writer):
        await reader.readexactly(10)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.write_eof()
        await asyncio.sleep(60)

    async with wire_with() as wire, serving(handle) as port:
        assert (await ask(wire, port, body=b"x" * 30_000_000)).status == 413


@pytest.mark.parametrize("answered", [b"", OK + b"Content-Length: 9\r\n\r\nhe"])
async def test_cancelled_a_request_closes_its_connection(answered):
    came, ended = asyncio.Event(), asyncio.Event()

    async def handle(reader, writer):
        await read_request(reader)
        writer.write(answered)
        came.set()
        await reader.read()
        ended.set()

    async with wire_with() as wire, serving(handle) as port:
        request = asyncio.create_task(ask(wire, port))
        await came.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        async with asyncio.timeout(10):
            await ended.wait()


async def test_cancelled_a_request_leaves_its_place_in_the_queue():
    came = []
    go = asyncio.Event()

    async def handle(reader, writer):
        while request := await read_request(reader):
            came.append(request.partition(b"\r\n\r\n")[2])
            await go.wait()
            writer.write(HELLO)

    async with wire_with(ONE) as wire, serving(handle) as port:
        bodies = [b"1", b"2", b"3"]
        tasks = [asyncio.create_task(ask(wire, port, body=body)) for body in bodies]
        async with asyncio.timeout(10):
            while not came:
                await asyncio.sleep(0.01)
        tasks[1].cancel()
        go.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [getattr(one, "status", None) for one in done] == [200, None, 200]
    assert came == [b"1", b"3"]


async def test_who_waits_for_a_connection_waits_until_the_deadline_only():
    async with wire_with(ONE) as wire, serving(never) as port:
        first = asyncio.create_task(ask(wire, port, deadline=30.0))
        await asyncio.sleep(0)
        with pytest.raises(TooSlow):
            await ask(wire, port, deadline=0.1)
        first.cancel()


async def test_a_wire_that_closes_fails_what_is_under_way_and_takes_no_more():
    async with wire_with(ONE) as wire, serving(never) as port:
        tasks = [asyncio.create_task(ask(wire, port)) for _ in range(5)]
        await asyncio.sleep(0.1)
        await wire.close()
        for task in tasks:
            with pytest.raises(NoAnswer):
                await task
        with pytest.raises(NoAnswer, match="closed"):
            await ask(wire, port)
        await wire.close()


async def test_nothing_is_left_of_many_origins():
    script = [Script(HELLO + b"x") for _ in range(30)]
    async with wire_with() as wire:
        for one in script:
            async with serving(one.handle) as port:
                await ask(wire, port)
        async with asyncio.timeout(5):
            while wire._running.pool._lanes:
                await asyncio.sleep(0.01)
        pool = wire._running.pool
        assert (pool._in_use, len(pool._kept), len(pool._open)) == (0, 0, 0)


@pytest.mark.parametrize("fails", [True, False])
async def test_attempts_to_connect_are_shared(fails, monkeypatch):
    """Many requests to a host that is not there do not each try it, and all of them are told."""
    dialled = 0
    resolve = GuardedResolver.resolve

    async def counting(self, host):
        nonlocal dialled
        dialled += 1
        await asyncio.sleep(0.01)
        return await resolve(self, host)

    monkeypatch.setattr(GuardedResolver, "resolve", counting)
    script = Script(*[HELLO] * 200, closes=False)
    bounds = Bounds(in_use=500, in_use_per_origin=500, kept=500, attempts=4)
    async with wire_with(bounds) as wire, serving(script.handle) as port:
        done = await asyncio.gather(
            *(ask(wire, 1 if fails else port) for _ in range(200)), return_exceptions=True
        )
    if fails:
        assert {type(one) for one in done} == {CannotConnect}
        assert dialled < 50
    else:
        assert {one.status for one in done} == {200}


@pytest.mark.parametrize("first", ["silent", "refuses"])
async def test_the_other_family_is_tried(first, monkeypatch):
    script = Script(HELLO)
    found = [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")]
    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(lambda _: found))
    request = Request(head=b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", body=b"", body_cap=CAP)
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(wire_with(allow=("shop.example",)))
        port = await stack.enter_async_context(serving(script.handle))
        if first == "silent":
            # Nobody accepts, and there is no room for more that wait.
            full = socket.create_server(("::1", port), family=socket.AF_INET6, backlog=0)
            stack.enter_context(full)
            for _ in range(4):
                waiting = stack.enter_context(socket.socket(socket.AF_INET6))
                waiting.setblocking(False)
                waiting.connect_ex(("::1", port))
        origin = Origin(tls=False, host="shop.example", port=port)
        assert (await wire.ask(origin, request, deadline=4.0)).status == 200


@pytest.mark.parametrize(
    ("found", "error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), CannotResolve, "cannot"),
        ([(socket.AF_INET, "10.0.0.1")], AddressRefused, "not public"),
        (UnicodeEncodeError("idna", "x", 0, 1, "label empty"), CannotResolve, "label empty"),
    ],
)
async def test_all_who_wait_for_a_name_are_told(monkeypatch, found, error, words):
    def look_up(_):
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(look_up))
    request = Request(head=b"", body=b"", body_cap=CAP)
    origin = Origin(tls=False, host="shop.example", port=1)
    async with wire_with() as wire:
        for one in await asyncio.gather(
            *(wire.ask(origin, request, deadline=10.0) for _ in range(40)), return_exceptions=True
        ):
            assert isinstance(one, error)
            assert words in str(one)


async def test_a_handshake_that_hangs_takes_the_time_to_connect():
    async with serving(never) as port, sink_with(connect_timeout=0.2) as sink:
        outcome = await sink.deliver(make_request(target=f"https://127.0.0.1:{port}/"), 10.0)
    assert (outcome.kind, outcome.timed_out) == (OutcomeKind.RETRYABLE, True)
    assert outcome.detail == f"timed out: no connection to 127.0.0.1:{port} within 0.2 s"


async def test_over_tls_too_early_answers_closes_and_large_bodies(tmp_path):
    files = make(tmp_path, "Our own CA", LOOPBACK)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    came = []

    async def handle(reader, writer):
        came.append(len(await read_request(reader)))
        writer.write(HELLO)
        await writer.drain()
        writer.close()

    async with (
        serving(handle, tls=context, limit=2**20) as port,
        sink_with(ca_certs=str(files[0])) as sink,
    ):
        for _ in range(5):
            made = make_request(target=f"https://127.0.0.1:{port}/", data="x" * 500_000)
            outcome = await sink.deliver(made, 10.0)
            assert (outcome.kind, outcome.response) == (OutcomeKind.DELIVERED, "hello")
    assert min(came) > 500_000


async def test_connections_hold_nothing_when_they_are_gone(serve):
    async def answer(_):
        return web.Response()

    url = await serve(answer)
    async with sink_with() as sink:
        for _ in range(3):
            await sink.deliver(make_request(target=url), 5.0)
    gc.collect()
    # Not isinstance: it asks an object for its class, and a lazy one of Django is then made.
    assert not [one for one in gc.get_objects() if issubclass(type(one), Connection)]


class Stumbling:
    """A transport that ends the connection, and then raises, as asyncio's TLS may."""

    def __init__(self, transport, where):
        self._transport = transport
        self._where = where
        self.stumbled = 0

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def close(self):
        self._end("close")

    def abort(self):
        self._end("abort")

    def _end(self, how):
        getattr(self._transport, how)()
        if how == self._where:
            self.stumbled += 1
            raise RuntimeError("cannot switch state")


@pytest.mark.parametrize("where", ["close", "abort"])
async def test_a_transport_that_cannot_be_closed_keeps_nobody_waiting(monkeypatch, where):
    made, really = [], Connection.connection_made

    def connection_made(self, transport):
        made.append(Stumbling(transport, where))
        really(self, made[-1])

    monkeypatch.setattr(Connection, "connection_made", connection_made)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    text = OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello"
    script = Script(text, text, text)
    async with wire_with() as wire, serving(script.handle) as port, serving(never) as silent:
        for _ in range(3):
            answer = await ask(wire, port, deadline=5.0)
            assert (answer.status, answer.body) == (200, b"hello")
        with pytest.raises(TooSlow):
            await ask(wire, silent, deadline=0.2)
        made_of_silent = made.pop()
    if where == "abort":
        assert made_of_silent.stumbled
    else:
        assert any(one.stumbled for one in made)

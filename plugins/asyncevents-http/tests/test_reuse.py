"""Connections are used again, and what goes wrong with a used one is made good once."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest
from strange import HELLO, OK
from wires import Script, ask, read_request, wire_with

from asyncevents_core.plugin import OutcomeKind
from asyncevents_core.testing import make_request
from asyncevents_http.wire import connection as connections
from asyncevents_http.wire.errors import NoAnswer, TooSlow, WireError
from asyncevents_http.wire.pool import Bounds
from sending import sink_with
from tests.streams import serving

HUNG_UP = "the connection was closed without an answer"


class Moody:
    """Answers the first request of each connection; `then` says what happens with the second."""

    def __init__(self, then) -> None:
        self.then = then
        self.connections = 0
        self.requests = 0

    async def handle(self, reader, writer):
        self.connections += 1
        await read_request(reader)
        self.requests += 1
        writer.write(HELLO)
        if await read_request(reader):
            self.requests += 1
            await self.then(writer)


async def closes(writer):
    writer.close()


async def resets(writer):
    writer.transport.abort()


async def talks_rubbish(writer):
    writer.write(b"rubbish\r\n\r\n")


async def says_half_a_status_line(writer):
    writer.write(b"HTTP/1.1 20")
    writer.close()


async def gave_up_waiting(writer):
    writer.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    writer.close()


WAYS = [closes, resets, talks_rubbish, says_half_a_status_line, gave_up_waiting]


@pytest.mark.parametrize("then", WAYS)
async def test_a_used_connection_that_fails_is_replaced_once(then):
    server = Moody(then)
    async with wire_with() as wire, serving(server.handle) as port:
        for _ in range(5):
            assert (await ask(wire, port)).body == b"hello"
    assert (server.connections, server.requests) == (5, 9)


@pytest.mark.parametrize("then", WAYS)
async def test_what_may_not_be_repeated_is_not(then):
    server = Moody(then)
    async with wire_with() as wire, serving(server.handle) as port:
        await ask(wire, port)
        if then is gave_up_waiting:
            assert (await ask(wire, port, repeatable=False)).status == 408
        else:
            with pytest.raises(NoAnswer):
                await ask(wire, port, repeatable=False)
    assert (server.connections, server.requests) == (1, 2)


async def test_a_new_connection_that_fails_is_not_replaced():
    requests = []

    async def handle(reader, writer):
        requests.append(await read_request(reader))
        writer.close()

    async with wire_with() as wire, serving(handle) as port:
        with pytest.raises(NoAnswer, match=HUNG_UP):
            await ask(wire, port)
    assert len(requests) == 1


async def test_a_replacement_that_fails_too_is_the_end():
    script = Script(HELLO, closes=False)
    requests = []

    async def handle(reader, writer):
        if not requests:
            requests.append(await read_request(reader))
            writer.write(HELLO)
        requests.append(await read_request(reader))
        writer.close()

    async with wire_with() as wire, serving(handle) as port:
        await ask(wire, port)
        with pytest.raises(NoAnswer, match=HUNG_UP):
            await ask(wire, port)
    assert len(requests) == 3
    assert script.connections == 0


async def test_a_used_connection_that_is_silent_is_not_replaced():
    server = Moody(lambda _: asyncio.sleep(60))
    async with wire_with() as wire, serving(server.handle) as port:
        await ask(wire, port)
        with pytest.raises(TooSlow, match=r"no answer within 0\.1 s"):
            await ask(wire, port, deadline=0.1)
        assert server.requests == 2
        assert (await ask(wire, port)).body == b"hello"


@pytest.mark.parametrize("reset", [False, True])
async def test_a_server_that_closes_after_each_answer_without_saying_so(reset):
    async def handle(reader, writer):
        await read_request(reader)
        writer.write(HELLO)
        await writer.drain()
        await (resets if reset else closes)(writer)

    async with serving(handle) as port, sink_with() as sink:
        request = make_request(target=f"http://127.0.0.1:{port}/")
        outcomes = [await sink.deliver(request, 5.0) for _ in range(20)]
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
        many = await asyncio.gather(*(sink.deliver(request, 5.0) for _ in range(100)))
        assert {one.kind for one in many} == {OutcomeKind.DELIVERED}


async def test_what_was_closed_while_it_waited_is_not_used():
    async def handle(reader, writer):
        await read_request(reader)
        writer.write(HELLO)
        writer.close()

    async with wire_with() as wire, serving(handle) as port:
        for _ in range(3):
            # Not repeatable, so it would fail.
            await ask(wire, port, repeatable=False)
            await asyncio.sleep(0.05)


async def test_what_comes_unasked_ends_a_connection():
    said = asyncio.Event()
    ended = []

    async def handle(reader, writer):
        await read_request(reader)
        writer.write(HELLO)
        if not said.is_set():
            await asyncio.sleep(0.05)
            writer.write(HELLO.replace(b"hello", b"stale"))
            said.set()
        ended.append(await reader.read())

    async with wire_with() as wire, serving(handle) as port:
        await ask(wire, port)
        await said.wait()
        async with asyncio.timeout(5):
            while not ended:
                await asyncio.sleep(0.01)
        assert (await ask(wire, port)).body == b"hello"


@pytest.mark.parametrize("said", [None, b"timeout=1000", b"max=100"])
async def test_a_connection_waits_for_a_time_only(said, monkeypatch):
    monkeypatch.setattr(connections, "_USUAL_IDLE", 0.2)
    monkeypatch.setattr(connections, "_LONGEST_IDLE", 0.2)
    ended = asyncio.Event()
    keep = b"" if said is None else b"Keep-Alive: " + said + b"\r\n"

    async def handle(reader, writer):
        await read_request(reader)
        writer.write(OK + keep + b"Content-Length: 0\r\n\r\n")
        await reader.read()
        ended.set()

    async with wire_with() as wire, serving(handle) as port:
        await ask(wire, port)
        assert not ended.is_set()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_what_waited_too_long_is_not_used_before_it_is_closed(monkeypatch):
    monkeypatch.setattr(connections, "_USUAL_IDLE", 0.01)
    script = Script(HELLO, HELLO, closes=False)
    async with wire_with() as wire, serving(script.handle) as port:
        await ask(wire, port)
        await asyncio.sleep(0.05)
        await ask(wire, port)
    assert script.connections == 2


async def test_the_server_says_how_long_it_waits(monkeypatch):
    monkeypatch.setattr(connections, "_IDLE_MARGIN", 0.99)
    text = OK + b"Keep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"
    script = Script(text, text, closes=False)
    async with wire_with() as wire, serving(script.handle) as port:
        await ask(wire, port)
        await asyncio.sleep(0.05)
        await ask(wire, port)
    assert script.connections == 2


async def test_the_last_used_is_used_first():
    order = []

    async def handle(reader, writer):
        number = len({one for one, _ in order}) if order else 0
        while await read_request(reader):
            order.append((number, reader))
            await asyncio.sleep(0.05)
            writer.write(HELLO)

    async with wire_with() as wire, serving(handle) as port:
        await asyncio.gather(*(ask(wire, port) for _ in range(5)))
        used = {reader for _, reader in order}
        order.clear()
        for _ in range(5):
            await ask(wire, port)
    assert len(used) == 5
    assert len({reader for _, reader in order}) == 1


class Gate:
    """Answers nothing until so many requests are there at once."""

    def __init__(self, requests) -> None:
        self.wanted = requests
        self.there = self.most = 0
        self.opened = asyncio.Event()
        self.connected = set()

    async def handle(self, reader, writer):
        self.connected.add(writer)
        while await read_request(reader):
            self.there += 1
            self.most = max(self.most, self.there)
            if self.there == self.wanted:
                self.opened.set()
            await self.opened.wait()
            await asyncio.sleep(0.005)
            self.there -= 1
            writer.write(HELLO)
        self.connected.discard(writer)
        writer.close()


@pytest.mark.parametrize(("origins", "most"), [(1, 4), (2, 6), (3, 6)])
async def test_bounds(origins, most):
    bounds = Bounds(in_use=6, in_use_per_origin=4, kept=3, attempts=2)
    gate = Gate(most)
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(wire_with(bounds))
        ports = [await stack.enter_async_context(serving(gate.handle)) for _ in range(origins)]
        came = await asyncio.gather(*(ask(wire, port) for port in ports * 30))
        assert {one.status for one in came} == {200}
        assert gate.most == most
        async with asyncio.timeout(5):
            while len(gate.connected) > 3:
                await asyncio.sleep(0.01)


async def test_no_origin_starves_another():
    bounds = Bounds(in_use=1, in_use_per_origin=1, kept=1)
    script = Script(*[HELLO] * 1000, closes=False)
    other = Script(HELLO, closes=False)
    async with wire_with(bounds) as wire, serving(script.handle) as port:
        many = [asyncio.create_task(ask(wire, port)) for _ in range(200)]
        await asyncio.sleep(0)
        async with serving(other.handle) as second:
            assert (await ask(wire, second)).status == 200
            assert not all(one.done() for one in many)
            await asyncio.gather(*many)


@pytest.mark.parametrize("kept", [0, 1, 2, 5])
@pytest.mark.parametrize(("in_use", "attempts"), [(1, 1), (3, 2), (20, 4)])
async def test_whatever_happens_the_books_of_the_pool_are_right(kept, in_use, attempts):
    """Connections that stay, close, break, or bring rubbish; requests that wait, or give up."""
    chance = random.Random(kept * 100 + in_use)
    wrong = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))

    async def handle(reader, writer):
        while await read_request(reader):
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
            what = chance.random()
            if what < 0.1:
                writer.transport.abort()
                return
            if what < 0.15:
                writer.write(b"rubbish\r\n\r\n")
            writer.write(HELLO + (b"left over" if what > 0.95 else b""))
            if what < 0.3:
                writer.close()
                return

    async def some(wire, port):
        for _ in range(12):
            deadline = chance.choice([0.003, 5.0, 5.0])
            request = asyncio.create_task(ask(wire, port, deadline=deadline))
            if chance.random() < 0.1:
                await asyncio.sleep(0.002)
                request.cancel()
            await asyncio.wait({request})
            if not request.cancelled() and (error := request.exception()) is not None:
                assert isinstance(error, WireError)

    bounds = Bounds(in_use=in_use, in_use_per_origin=max(1, in_use // 2), kept=kept,
                    attempts=attempts)  # fmt: skip
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(wire_with(bounds))
        ports = [await stack.enter_async_context(serving(handle)) for _ in range(3)]
        await asyncio.gather(*(some(wire, port) for port in [1, *ports] * 4))
        pool = wire._running.pool
        async with asyncio.timeout(10):
            while pool._in_use or pool._dials or len(pool._open) > kept:
                await asyncio.sleep(0.01)
        assert set(pool._open) == set(pool._kept)
        assert sorted(map(id, pool._kept)) == sorted(
            id(one) for lane in pool._lanes.values() for one in lane.kept
        )
        assert all(lane.kept and not lane.wanting for lane in pool._lanes.values())
        assert not pool._starved
    assert not wrong
    assert not pool._open

"""A wire that may reach this machine, and a server that says what it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager, suppress

from asyncevents_http.clients import wire_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.wire.exchange import Origin, Request

CAP = 4096


@asynccontextmanager
async def wire_with(bounds=None, **options):
    config = HttpConfig(**{"allow": ("127.0.0.0/8",), **options})
    resolver = GuardedResolver(config.guard, threads=2)
    wire = wire_of(config, resolver)
    wire.bounds = bounds
    try:
        yield wire
    finally:
        await wire.close()
        await resolver.close()


async def ask(wire, port, *, body=b"{}", deadline=10.0, **request):
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    origin = Origin(tls=False, host="127.0.0.1", port=port)
    made = Request(**{"head": head, "body": body, "body_cap": CAP, **request})
    return await wire.ask(origin, made, deadline=deadline)


async def read_request(reader) -> bytes:
    """Read a request and return its body; b"" where the connection ends."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        return head + await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


class Script:
    """Says one text after another, each in answer to one request: in parts, with pauses.

    Behind a text, the connection is closed if `closes`. `connections` counts them, `requests`
    has what came.
    """

    def __init__(self, *texts, closes=True) -> None:
        self.texts = deque(one if isinstance(one, list) else [one] for one in texts)
        self.closes = closes
        self.connections = 0
        self.requests = []
        self.ended = asyncio.Event()

    async def handle(self, reader, writer):
        self.connections += 1
        try:
            while self.texts and (request := await read_request(reader)):
                self.requests.append(request)
                for part in self.texts.popleft():
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.closes:
                    break
            else:
                await reader.read()
            if self.closes:
                writer.close()
        except ConnectionError:
            pass
        finally:
            self.ended.set()


class _Guest(asyncio.StreamReaderProtocol):
    """A connection that is known from its first moment to its last, handled or not."""

    def __init__(self, handling, guests, limit):
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(limit=limit, loop=loop), handling, loop=loop)
        self._guests = guests

    def connection_made(self, transport):
        self._guests.add(transport)
        self._own = transport
        super().connection_made(transport)

    def connection_lost(self, error):
        super().connection_lost(error)
        self._guests.discard(self._own)


@asynccontextmanager
async def serving(handle, *, limit=2**16, ssl=None):
    """Serve, and leave nothing behind; yields the port. `limit` of a line, in bytes."""
    tasks, guests = set(), set()

    async def handling(reader, writer):
        tasks.add(asyncio.current_task())
        with suppress(asyncio.CancelledError):
            await handle(reader, writer)

    server = await asyncio.get_running_loop().create_server(
        lambda: _Guest(handling, guests, limit), "127.0.0.1", 0, ssl=ssl
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(10):
            # Some may have been accepted, and begin only now: after a turn or two of the loop.
            for _ in range(3):
                await asyncio.sleep(0)
            while guests:
                for one in list(guests):
                    one.abort()
                await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

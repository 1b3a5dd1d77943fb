"""A wire that may reach this machine, and the script of a server that it asks."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager

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

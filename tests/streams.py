"""Servers on streams that leave nothing behind, however their clients go."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]

_TO_BEGIN = 5
"""Turns of the loop, at most, that a connection takes to have a transport and a protocol."""

_TO_END = 10.0
"""Seconds for all connections to close at the end."""


@asynccontextmanager
async def serving(
    handle: Handle, *, limit: int = 2**16, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve on the loopback, each connection with `handle`; yields the port.

    `limit` is that of a line, in bytes. With `tls`, who does not shake hands, or refuses the
    certificate, is never handled. At the end, each connection is cut off and each `handle`
    cancelled. A server of asyncio leaves both to the end of the loop, where nobody closes the
    socket of what has not begun yet; what it accepts while it closes is never closed at all.
    """
    loop, listening = asyncio.get_running_loop(), socket.create_server(("127.0.0.1", 0))
    begun: list[asyncio.Task[object]] = []
    tasks: set[asyncio.Task[object]] = set()
    guests: set[asyncio.WriteTransport] = set()

    async def handling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await handle(reader, writer)

    def accept() -> None:
        try:
            accepted, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        beginning = loop.connect_accepted_socket(
            lambda: _Guest(handling, guests, limit), accepted, ssl=tls
        )
        begun.append(loop.create_task(beginning))

    listening.setblocking(False)
    loop.add_reader(listening, accept)
    try:
        yield listening.getsockname()[1]
    finally:
        loop.remove_reader(listening)
        listening.close()
        for _ in range(_TO_BEGIN):
            await asyncio.sleep(0)
        for one in begun:
            one.cancel()  # it still shakes hands
        await asyncio.gather(*begun, return_exceptions=True)
        async with asyncio.timeout(_TO_END):
            while guests:
                for guest in list(guests):
                    guest.abort()
                await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What handlers opened themselves closes a turn after them.
        await asyncio.sleep(0)


class _Guest(asyncio.StreamReaderProtocol):
    """A connection that is known from its first moment to its last, handled or not."""

    def __init__(
        self,
        handling: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        guests: set[asyncio.WriteTransport],
        limit: int,
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(limit=limit, loop=loop), handling, loop=loop)
        self._guests = guests
        self._own: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Those of uvloop are transports without a class of asyncio's.
        self._own = cast(asyncio.WriteTransport, transport)
        self._guests.add(self._own)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self._own is not None:
            self._guests.discard(self._own)

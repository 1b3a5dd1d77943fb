"""Servers that leave nothing behind, however their clients go and whenever a test ends."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]

_SOME_TURNS = 5
"""More turns of the loop than a connection takes to have a transport, or to be cut off."""

_TO_END = 10.0
"""Seconds for all that still shake hands to notice the end."""


@asynccontextmanager
async def accepting(
    make: Callable[[], asyncio.Protocol], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve on the loopback, each connection with a protocol that `make` makes; yields the port.

    With `tls`, whoever does not shake hands gets none. At the end, each connection is cut off. A
    server of asyncio leaves them to the end of the loop, where nobody closes what has not begun
    yet; what it accepts while it closes is never closed at all.
    """
    loop, listening = asyncio.get_running_loop(), socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    begun: dict[asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]], socket.socket] = {}

    def accept() -> None:
        try:
            accepted, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        beginning = loop.connect_accepted_socket(make, accepted, ssl=tls)
        begun[loop.create_task(beginning)] = accepted

    loop.add_reader(listening, accept)
    try:
        yield listening.getsockname()[1]
    finally:
        loop.remove_reader(listening)
        listening.close()
        await _turns()
        for task, accepted in begun.items():
            if not task.done():
                # It still shakes hands. A cancelled one might have just done so, and say goodbye.
                with suppress(OSError):
                    accepted.shutdown(socket.SHUT_RDWR)
        async with asyncio.timeout(_TO_END):
            ends = await asyncio.gather(*begun, return_exceptions=True)
        for end in ends:
            if not isinstance(end, BaseException):
                end[0].abort()
        await _turns()


@asynccontextmanager
async def serving(
    handle: Handle, *, limit: int = 2**16, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve as `accepting` does, each connection with `handle`, which is cancelled at the end.

    `limit` is that of a line, in bytes.
    """
    tasks: set[asyncio.Task[object]] = set()

    async def handling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await handle(reader, writer)

    def make() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=limit), handling)

    try:
        async with accepting(make, tls=tls) as port:
            yield port
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What handlers opened themselves closes after them.
        await _turns()


async def _turns() -> None:
    for _ in range(_SOME_TURNS):
        await asyncio.sleep(0)

"""Connections that a library opens, known to whoever has to see to it that none stays open.

Microsoft's SDK of Service Bus leaves a connection as it is where an error or the end of the time
comes while it closes a link: to the garbage collector, and open for good if the other side neither
reads nor leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final
from weakref import WeakSet

_LAST_TURNS: Final = 3


class Opened:
    """What was opened for one purpose. For one thread, that of the loop."""

    def __init__(self) -> None:
        self._transports: list[asyncio.WriteTransport] = []

    def here(self) -> None:
        """Note from now on what is opened in the current task, and in those that it starts."""
        _OPENED.set(self)

    def add(self, transport: asyncio.WriteTransport) -> None:
        """Note one."""
        self._transports.append(transport)

    def cut(self) -> None:
        """Cut off what is still open; the loop needs one more turn for it."""
        for one in self._transports:
            one.abort()
        self._transports.clear()


_OPENED: ContextVar[Opened | None] = ContextVar("opened", default=None)


class NotingLoop(asyncio.SelectorEventLoop):
    """An event loop that notes each connection, and for whom where `Opened.here` was called."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: WeakSet[asyncio.WriteTransport] = WeakSet()

    async def create_connection(  # type: ignore[override]  # all of them, whatever their options
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], *args: Any, **options: Any
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """See `asyncio.loop.create_connection`."""
        made = await super().create_connection(protocol_factory, *args, **options)
        self._noted.add(made[0])
        opened = _OPENED.get()
        if opened is not None:
            opened.add(made[0])
        return made

    def cut(self) -> None:
        """Cut off what is still open. The loop must have stopped, and not be closed yet."""
        for one in list(self._noted):
            one.abort()
        # It has a few turns left, in which sockets are closed.
        for _ in range(_LAST_TURNS):
            self.call_soon(self.stop)
            self.run_forever()

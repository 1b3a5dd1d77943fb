"""Sinks apart from the worker's event loop: on one of their own, or one in each thread.

So a sink that blocks its loop holds up nobody else's deliveries.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from attrs import frozen

from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.engine.shared.progress import LoopProgress
from asyncevents_core.engine.shared.running import end_in_time
from asyncevents_core.ports.sink import BlockingSink, DeliveryRequest, Sink

_CLOSING: Final = 10.0
"""Seconds for the sinks of all threads to close."""


class LoopSink(Sink):
    """A sink on an event loop of its own, in a thread of its own, which begins with it.

    `sink` was opened by somebody, but has delivered nothing yet.
    """

    def __init__(self, sink: Sink, *, name: str) -> None:
        self._sink = sink
        self.name = name
        self.progress = LoopProgress(f"the loop of the sink {name!r}")
        self._loop = asyncio.new_event_loop()
        self._under_way: set[object] = set()
        self._late: set[object] = set()
        threading.Thread(target=self._run, name=f"sink-{name}", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self.progress.keep_stepping(), self._loop)

    @property
    def stuck(self) -> int:
        """How many attempts go on although nobody waits for them any more."""
        return len(self._late)

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        mark = object()
        self._under_way.add(mark)
        theirs = asyncio.run_coroutine_threadsafe(
            self._deliver(mark, request, deadline), self._loop
        )
        try:
            return await asyncio.wrap_future(theirs)
        except asyncio.CancelledError:
            if mark in self._under_way:
                self._late.add(mark)
            raise

    async def close(self) -> None:
        closing = asyncio.run_coroutine_threadsafe(self._sink.close(), self._loop)
        try:
            await asyncio.wrap_future(closing)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)

    async def _deliver(self, mark: object, request: DeliveryRequest, deadline: float) -> Outcome:
        try:
            return await self._sink.deliver(request, deadline)
        finally:
            self._under_way.discard(mark)
            self._late.discard(mark)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        # What goes on here is over: nobody waits for it.
        end_in_time(self._loop)


class LoopPerThread(BlockingSink):
    """An asynchronous sink as a blocking one: each thread has a loop, and a sink of its own.

    The first thread gets `first`, the others what `open_sink` makes.
    """

    def __init__(self, first: Sink, open_sink: Callable[[], Sink]) -> None:
        self._first: Sink | None = first
        self._open_sink = open_sink
        self._own = threading.local()
        self._lock = threading.Lock()
        self._open: list[_OwnLoop] = []

    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        mine = self._of_this_thread()
        return mine.loop.run_until_complete(mine.sink.deliver(request, deadline))

    def close(self) -> None:
        # Whoever closes it has a loop that runs: no other one can run on the same thread.
        closing = threading.Thread(target=self._close_all, name="closing", daemon=True)
        closing.start()
        closing.join(_CLOSING)

    def _close_all(self) -> None:
        with self._lock:
            several, self._open = self._open, []
            first, self._first = self._first, None
        if first is not None:
            several.append(_OwnLoop(loop=asyncio.new_event_loop(), sink=first))
        for one in several:
            # A call that hangs has its loop still.
            if not one.loop.is_running():
                one.loop.run_until_complete(one.sink.close())
                end_in_time(one.loop)

    def _of_this_thread(self) -> _OwnLoop:
        mine: _OwnLoop | None = getattr(self._own, "loop", None)
        if mine is None:
            with self._lock:
                first, self._first = self._first, None
            sink = self._open_sink() if first is None else first
            mine = self._own.loop = _OwnLoop(loop=asyncio.new_event_loop(), sink=sink)
            with self._lock:
                self._open.append(mine)
        return mine


@frozen(kw_only=True)
class _OwnLoop:
    """The loop of a thread, and the sink that lives on it."""

    loop: asyncio.AbstractEventLoop
    sink: Sink

"""How far a thread or an event loop is, as it says itself: a watchdog reads that."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Hashable
from typing import Any, Final

STEP_EVERY: Final = 0.25
"""Seconds between the steps of a loop."""
_DEEPEST: Final = 30
"""Frames of a stack that are shown, the innermost ones."""


class Progress:
    """The steps of one thread, written by that thread alone and read by others, without a lock.

    `name` is what people call the thread. One that waits for work rests; that is no standstill.
    One that ends without `end` has failed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.busy = False
        self.steps = 0
        self.thread_id: int | None = None

    def begin(self) -> None:
        """This thread is the one; it begins to work."""
        self.thread_id = threading.get_ident()
        self.step()

    def step(self) -> None:
        """It goes on: it was woken, or something that took its time is done."""
        self.steps += 1
        self.busy = True

    def rest(self) -> None:
        """It waits for work until the next `step`."""
        self.busy = False

    def end(self) -> None:
        """It has ended, as it should."""
        self.busy = False

    @property
    def position(self) -> Hashable:
        """Something that changes whenever it goes on."""
        return self.steps

    def stack(self) -> str | None:
        """Return where it is, the innermost call last; None if it is nowhere: it has ended."""
        return None if self.thread_id is None else stack_of(self.thread_id)


class LoopProgress(Progress):
    """The steps of an event loop, which `keep_stepping` makes while others may run."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lag = 0.0

    async def keep_stepping(self) -> None:
        """Step four times a second, on the loop in question, until cancelled."""
        self._loop = asyncio.get_running_loop()
        self.begin()
        try:
            while True:
                begun = self._loop.time()
                await asyncio.sleep(STEP_EVERY)
                self._lag = max(self._lag, self._loop.time() - begun - STEP_EVERY)
                self.step()
        finally:
            self.end()

    def take_lag(self) -> float:
        """Return the most seconds by which a step was late since the last call, from any thread."""
        lag, self._lag = self._lag, 0.0
        return lag

    @property
    def position(self) -> Hashable:
        """Changes, too, when another task runs: then the loop is busy, but not blocked."""
        return (self.steps, id(self.task))

    @property
    def task(self) -> asyncio.Task[Any] | None:
        """The task that runs now, as seen from any thread."""
        return None if self._loop is None else asyncio.current_task(self._loop)


def stack_of(thread_id: int) -> str | None:
    """Return the stack of a thread, the innermost call last; None if there is no such thread."""
    frame = sys._current_frames().get(thread_id)
    if frame is None:
        return None
    return "".join(traceback.format_stack(frame)[-_DEEPEST:])

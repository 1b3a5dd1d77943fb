"""All deadlines of a wire, with one timer of the loop."""

from __future__ import annotations

import asyncio
import heapq
import math
from abc import ABC, abstractmethod
from typing import Final

_PER_SECOND: Final = 32
"""Deadlines that are due in the same part of a second share a bucket."""


class Timed(ABC):
    """What something has to be done about when its time is over."""

    __slots__ = ("due",)

    due: int | None
    """The bucket that it is in; None while it is in none."""

    @abstractmethod
    def expire(self) -> None:
        """Do it. Called once, on the loop. Must not raise."""


class Deadlines:
    """Calls `Timed.expire` up to 1/32 s after the time. Used on one loop.

    Most deadlines are taken back, so both adding and taking back are a look into a dictionary;
    nothing of what was taken back is held until its time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buckets: dict[int, set[Timed]] = {}
        # The keys of the buckets; a heap.
        self._order: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0

    def add(self, timed: Timed, at: float) -> None:
        """Let `timed` expire at a time of the loop's clock. It must not be waiting already."""
        due = math.floor(at * _PER_SECOND) + 1
        timed.due = due
        bucket = self._buckets.get(due)
        if bucket is not None:
            bucket.add(timed)
            return
        self._buckets[due] = {timed}
        heapq.heappush(self._order, due)
        if self._timer is None or due < self._timer_due:
            self._wait()

    def remove(self, timed: Timed) -> None:
        """Take a deadline back. Does nothing where it has expired or was taken back."""
        if timed.due is not None:
            self._buckets[timed.due].discard(timed)
            timed.due = None

    def close(self) -> None:
        """Let nothing expire any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for bucket in self._buckets.values():
            # Who still waits takes it back later.
            for timed in bucket:
                timed.due = None
        self._buckets.clear()
        self._order.clear()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = self._order[0]
        self._timer = self._loop.call_at(self._timer_due / _PER_SECOND, self._tick)

    def _tick(self) -> None:
        self._timer = None
        # What the loop calls early by the clock's resolution is due all the same.
        now = max(math.floor(self._loop.time() * _PER_SECOND), self._timer_due)
        while self._order and self._order[0] <= now:
            # One that expires may take back others of its bucket.
            bucket = self._buckets[self._order[0]]
            while bucket:
                timed = bucket.pop()
                timed.due = None
                try:
                    timed.expire()
                except Exception as error:
                    # A mistake in one must not let the others wait for ever.
                    context = {"message": "a deadline could not be kept", "exception": error}
                    self._loop.call_exception_handler(context)
            del self._buckets[heapq.heappop(self._order)]
        if self._order and self._timer is None:
            self._wait()

"""A clock that tests advance."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from asyncevents_core.ports.clock import Clock

START: Final = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC, in microseconds."""


class ManualClock(Clock):
    """Time that passes when a test says so. Thread-safe.

    It is the engine's clock (`monotonic`, `random`), the clock of a `MemoryLedger` (`now`), and
    moves the clock of a database: ``SqlLedger(url, …, clock_offset=clock.offset)``.
    """

    def __init__(self, *, start: int = START) -> None:
        self._lock = threading.Lock()
        self._start = start
        self._passed = 0
        self._numbers: list[float] = []

    def __repr__(self) -> str:
        return f"ManualClock({self.offset() / 1e6:g} s after its start)"

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self.offset() / 1e6

    def random(self) -> float:
        """Return the next of the numbers given to `will_draw`, 0.5 (no jitter) without any."""
        with self._lock:
            return self._numbers.pop(0) if self._numbers else 0.5

    def will_draw(self, numbers: Iterable[float]) -> None:
        """Let `random` return these numbers (0..1), in this order."""
        with self._lock:
            self._numbers.extend(numbers)

    def now(self) -> int:
        """Return the point in time, in microseconds since 1970."""
        return self._start + self.offset()

    def offset(self) -> int:
        """Return how much time has passed, in microseconds."""
        with self._lock:
            return self._passed

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass. Raises ValueError below 0: clocks do not go back."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back, not by {-seconds} seconds either")
        with self._lock:
            self._passed += round(seconds * 1e6)

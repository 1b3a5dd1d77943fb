"""A clock that tests advance."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from asyncevents_core.ports.clock import Clock


class ManualClock(Clock):
    """Time that passes when a test says so. Thread-safe.

    It is the engine's clock, and moves that of a ledger, as its `clock_offset`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
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

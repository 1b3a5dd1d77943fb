"""Contract of the monotonic clock and the randomness that the engine uses."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod


class Clock(ABC):
    """Measures time within a process. (Points in time come from the ledger.) Thread-safe."""

    @abstractmethod
    def monotonic(self) -> float:
        """Return seconds that never go back."""

    @abstractmethod
    def random(self) -> float:
        """Return a number in 0..1, for jitter."""


class SystemClock(Clock):
    """The machine's."""

    def monotonic(self) -> float:
        return time.monotonic()

    def random(self) -> float:
        return random.random()  # noqa: S311 - jitter, not cryptography

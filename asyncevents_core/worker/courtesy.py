"""How work that can wait makes room for deliveries in the same process."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

_THREADS: Final = Path("/proc/self/task")

_BUSY: Final = 0.2
"""Processors that others use, from which on the process is at work."""
_TIMES: Final = 4.0
"""How many times as long as a step took is waited after it: steps get a fifth of the time."""
_LONGEST: Final = 2.0
"""Seconds of one wait: what the process is at may be over soon."""


class Courtesy:
    """Tells how long to wait after each step. One thread's, the one that makes the steps.

    It waits while the other threads of the process use a processor; on systems without /proc,
    never. For `patience` seconds at most since everything was last done: after that it works as
    fast as it can until it is done again, so that how far it falls behind is bounded.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._behind_since: float | None = None
        self.begin()

    def begin(self) -> None:
        """A step begins."""
        self._begun = time.monotonic()
        self._others = _others()

    def pause(self, *, done: bool) -> float:
        """A step has ended; return how many seconds to wait. `done`: there was no more to do."""
        now = time.monotonic()
        took = now - self._begun
        if done:
            self._behind_since = None
            return 0.0
        if self._behind_since is None:
            self._behind_since = self._begun
        impatient = now - self._behind_since >= self._patience
        if impatient or _others() - self._others < _BUSY * took:
            return 0.0
        return min(_TIMES * took, _LONGEST)


def _others() -> float:
    """Return the CPU seconds of all threads of Python but this one.

    Those of libraries do not count: an index may have some, which work for this thread.
    """
    own = threading.get_native_id()
    return sum(
        _cpu_of(one.native_id)
        for one in threading.enumerate()
        if one.native_id is not None and one.native_id != own
    )


def _cpu_of(thread: int) -> float:
    """Return CPU seconds by the number that the system has for a thread; 0 if it has ended."""
    try:
        # Nanoseconds: https://docs.kernel.org/scheduler/sched-stats.html
        return int((_THREADS / str(thread) / "schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0

"""Whether the ledger is away, as the threads of a worker tell each other."""

from __future__ import annotations

import threading
import time
from typing import Final

SETTLE: Final = 5.0
"""Seconds after a ledger outage before expired leases are claimed and silent workers reaped:
more than all of them need until they have written a beat."""
ON_TIME: Final = 10.0
"""Seconds from one beat to the next after which something held them up: not only here, maybe."""
_STEADY_BEATS: Final = 3
"""Beats on time before silent workers are reaped: after a stall others need as long as this one."""


class LedgerHealth:
    """Whether the ledger answers, as seen by all threads of this process. Thread-safe.

    After an outage outcomes and beats are written first. Leases that ran out meanwhile, and
    workers that could not write a beat, are left alone for `SETTLE` seconds. Nobody tells of a
    stall without errors (a machine that was suspended, a database that hung): it shows in the
    beats of this process, which then come late.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._down = False
        self._up_since = 0.0
        self._last_beat: float | None = None
        self._beats_on_time = 0

    def lost(self) -> bool:
        """The ledger did not answer. Returns True the first time of this outage."""
        with self._lock:
            first, self._down = not self._down, True
            return first

    def found(self) -> bool:
        """The ledger answered. Returns True if that ends an outage."""
        with self._lock:
            ended, self._down = self._down, False
            if ended:
                self._up_since = time.monotonic()
            return ended

    def beaten(self) -> None:
        """A beat of this process is written."""
        with self._lock:
            self._beats_on_time = self._beats_on_time + 1 if self._is_on_time() else 0
            self._last_beat = time.monotonic()

    @property
    def down(self) -> bool:
        """Whether an outage is going on."""
        return self._down

    @property
    def settled(self) -> bool:
        """Whether leases that ran out may be claimed."""
        return not self._down and time.monotonic() - self._up_since >= SETTLE

    @property
    def steady(self) -> bool:
        """Whether silent workers may be reaped: those who live have had time to beat."""
        with self._lock:
            on_time = self._beats_on_time >= _STEADY_BEATS and self._is_on_time()
        return on_time and self.settled

    def _is_on_time(self) -> bool:
        return self._last_beat is not None and time.monotonic() - self._last_beat <= ON_TIME

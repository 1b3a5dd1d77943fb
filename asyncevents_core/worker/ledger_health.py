"""Whether the ledger is away, as the threads of a worker tell each other."""

from __future__ import annotations

import threading
import time
from typing import Final

SETTLE: Final = 5.0
"""Seconds after a ledger outage before expired leases are claimed and silent workers reaped:
more than all of them need until they have written a beat."""


class LedgerHealth:
    """Whether the ledger answers, as seen by all threads of this process. Thread-safe.

    After an outage outcomes and beats are written first. Leases that ran out meanwhile, and
    workers that could not write a beat, are left alone for `SETTLE` seconds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._down = False
        self._up_since = 0.0

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

    @property
    def down(self) -> bool:
        """Whether an outage is going on."""
        return self._down

    @property
    def settled(self) -> bool:
        """Whether leases that ran out may be claimed, and silent workers reaped."""
        return not self._down and time.monotonic() - self._up_since >= SETTLE

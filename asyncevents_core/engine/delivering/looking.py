"""How far back to look for rows that are due, where what is over cannot be removed.

What was due and is over stays in the database's index until nobody can see it any more: a
transaction elsewhere that has read once, such as a backup's, holds that up for as long as it lasts.
A look at everything then steps over more such rows each time.
"""

from __future__ import annotations

import time
from typing import Final

from attrs import define, field

from asyncevents_core.domain.instant import micros

LATE: Final = 1.0
"""Seconds after its due time within which a row is found at once, whoever commits it when."""
_REST: Final = 50.0
"""How many times as long as a look at everything took the next one is put off: 2 % of the time."""


@define
class Look:
    """Where looks for rows of one kind begin. Belongs to one thread.

    A look at everything comes again at once while it is quick, so that nothing differs. Where it
    is not, those between two of them begin at what has not been dealt with yet; a row that is
    committed long after its due time, and that no hand-off brings, waits for the next one.
    """

    _floor: int = field(default=0, init=False)
    _all_from: float = field(default=0.0, init=False)
    _begun: float = field(default=0.0, init=False)
    _since: int = field(default=0, init=False)
    _ended: tuple[int, float] | None = field(default=None, init=False)

    def begin(self) -> int:
        """Return the due time at which to begin, in microseconds; 0: at everything."""
        self._begun = time.monotonic()
        self._since = 0 if self._begun >= self._all_from else self._floor
        return self._since

    def end(self, until: int) -> None:
        """Note that the look is over; what was due before `until` is dealt with, or is held."""
        all_from = self._all_from
        if self._since == 0:
            now = time.monotonic()
            all_from = now + _REST * (now - self._begun)
        self._ended = (until - micros(LATE), all_from)

    def settle(self) -> None:
        """Go by the look that has ended: what it found is committed."""
        if self._ended is not None:
            self._floor, self._all_from = self._ended
            self._ended = None

    def forget(self) -> None:
        """Forget a look whose transaction was rolled back."""
        self._ended = None


@define
class Looks:
    """The looks of a claimant."""

    events: Look = field(factory=Look)
    deliveries: Look = field(factory=Look)

    def settle(self) -> None:
        """Go by what a round looked at that is committed."""
        self.events.settle()
        self.deliveries.settle()

    def forget(self) -> None:
        """Forget what a round looked at that was rolled back; each round begins so."""
        self.events.forget()
        self.deliveries.forget()

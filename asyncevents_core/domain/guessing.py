"""How long somebody waits who may be guessing passwords."""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID

from attrs import evolve, field, frozen

from asyncevents_core.domain.instant import micros

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 300.0
_MOST_DOUBLED: Final = 9
WINDOW: Final = 600.0
MOST_IN_WINDOW: Final = 30
"""Guesses for one name within `WINDOW` seconds, from all addresses together that are new to it."""
FORGOTTEN_AFTER: Final = 3_600.0
"""Seconds after the last guess."""
MOST_KEPT: Final = 100_000
"""Rows; the clean-up deletes the oldest of more."""
KNOWN_FOR: Final = 30 * 86_400.0
"""Seconds for which an address is known after a user has signed in from there."""


@frozen(kw_only=True)
class Guesses:
    """The guesses that have something in common; times are microseconds since the epoch.

    `key` is a hash of what that is. `wait_until` is when the next one is heard, `last` the id of
    the last one, `since` when the window began in which `count` were made.
    """

    key: bytes = field(repr=False)
    count: int = 0
    since: int = 0
    wait_until: int = 0
    last: UUID | None = None
    seen_at: int = 0

    def wait(self, now: int) -> int:
        """Return how many microseconds are left until the next guess is heard."""
        return max(0, self.wait_until - now)

    def one_more(self, guess: UUID, now: int) -> Guesses:
        """Count one from an address: each doubles the wait, from 1 second to 5 minutes."""
        forgotten = now - self.seen_at >= micros(FORGOTTEN_AFTER)
        count = 1 if forgotten else self.count + 1
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(count - 1, _MOST_DOUBLED))
        return self._with(guess, now, count=count, since=now, wait_until=now + micros(wait))

    def one_more_in_window(self, guess: UUID, now: int) -> Guesses:
        """Count one for a name: when the window is full, the next one waits for its end."""
        over = now - self.since >= micros(WINDOW)
        since, count = (now, 1) if over else (self.since, self.count + 1)
        wait_until = since + micros(WINDOW) if count >= MOST_IN_WINDOW else 0
        return self._with(guess, now, count=count, since=since, wait_until=wait_until)

    def _with(self, guess: UUID, now: int, *, count: int, since: int, wait_until: int) -> Guesses:
        return evolve(
            self, count=count, since=since, wait_until=wait_until, last=guess, seen_at=now
        )


def key_of(*parts: str) -> bytes:
    """Return the key of guesses for a name, or for a name from an address."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()

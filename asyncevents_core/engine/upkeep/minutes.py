"""The last hour by minute. Minutes that are over are kept, and not counted again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.statistics import MINUTE, Minute
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.ports.ledger.statistics import COUNTED_BY_MINUTE

SHOWN: Final = 60
"""Minutes, the one that has begun among them."""
RECOUNTED: Final = 2
"""Of these the newest: an attempt is written when it ends, and counts where it began."""
COMPLETE_AFTER: Final = 3
"""Minutes from the begin of one on, after which it is counted once more, and then kept."""
AT_ONCE: Final = 50_000
"""Attempts of the newest minutes that are counted in one query, unless a minute alone has more."""
OLDER_AT_ONCE: Final = 10_000
"""The same of those before: no look takes long, and a busy hour is there after some."""
MOST_TENANTS: Final = 100
"""Whose minutes are kept."""


@frozen(kw_only=True)
class _Kept:
    """A minute, and when it was counted (microseconds)."""

    minute: Minute
    counted_at: int

    def is_outdated(self, now: int) -> bool:
        """Tell whether it has ended since then, or has ended long enough ago to be complete."""
        at = self.minute.at
        return any(
            self.counted_at < due <= now for due in (at + MINUTE, at + COMPLETE_AFTER * MINUTE)
        )


class KeptMinutes:
    """Keeps minutes in this process, of the tenants that asked last. Thread-safe.

    Each look at them is two queries at most. One counts the newest minutes anew, up to `at_once`
    attempts; the other one counts up to `older` of those before that are not known yet. So it takes
    several looks after a busy hour until all are there, newest first; and where the newest minutes
    do not fit into the first query, or one of them into the second, that counts one minute, up to
    `of_one`.
    """

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        older: int = OLDER_AT_ONCE,
        of_one: int = COUNTED_BY_MINUTE,
    ) -> None:
        self._at_once = at_once
        self._older = older
        self._of_one = of_one
        self._lock = threading.Lock()
        self._tenants: OrderedDict[str | None, Mapping[int, _Kept]] = OrderedDict()

    def last_hour(self, view: LedgerView, *, now: int, tenant: str | None) -> Sequence[Minute]:
        """Return the last 60 minutes, oldest first, the one of `now` (microseconds) too.

        Those that are not counted yet are missing at the beginning. Raises as `Ledger.read`.
        """
        last = now - now % MINUTE
        first = last - (SHOWN - 1) * MINUTE
        with self._lock:
            kept = self._tenants.get(tenant, {})
        known = {at: one for at, one in kept.items() if at >= first}
        recounted = last - (RECOUNTED - 1) * MINUTE
        newest = view.statistics.minutes(
            since=recounted, until=last + MINUTE, tenant=tenant, most=self._at_once
        )
        busy = newest[0].at > recounted or not newest[-1].exact
        busy = busy or any(one.attempts > self._older for one in newest)
        known.update((one.at, _Kept(minute=one, counted_at=now)) for one in newest)
        wanted = [
            at
            for at in range(first, newest[0].at, MINUTE)
            if at not in known or known[at].is_outdated(now)
        ]
        if wanted:
            until = wanted[-1] + MINUTE
            since = wanted[-1] if busy else _begin_of_run(wanted)
            most = self._of_one if busy else self._older
            older = view.statistics.minutes(since=since, until=until, tenant=tenant, most=most)
            known.update((one.at, _Kept(minute=one, counted_at=now)) for one in older)
        self._keep(tenant, known)
        return _without_gaps(known, last)

    def _keep(self, tenant: str | None, minutes: Mapping[int, _Kept]) -> None:
        with self._lock:
            self._tenants[tenant] = minutes
            self._tenants.move_to_end(tenant)
            while len(self._tenants) > MOST_TENANTS:
                self._tenants.popitem(last=False)


def _begin_of_run(minutes: Sequence[int]) -> int:
    """Return the first of the minutes that lead to the last one without a gap."""
    begin = minutes[-1]
    for at in reversed(minutes[:-1]):
        if at != begin - MINUTE:
            break
        begin = at
    return begin


def _without_gaps(kept: Mapping[int, _Kept], last: int) -> Sequence[Minute]:
    """Return the minutes up to the last one, back to the first that is missing."""
    found: list[Minute] = []
    at = last
    while at in kept:
        found.append(kept[at].minute)
        at -= MINUTE
    return found[::-1]

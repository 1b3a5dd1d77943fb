"""The log as it grows: each attempt once, soon after it was written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.trace import LogFilter, LogRow
from asyncevents_core.ports.ledger import Ledger, LedgerView

PAGE: Final = 1000
"""Attempts that are read at once."""
LOOKED_BACK: Final = 1000
"""Numbers below the newest that may still be under way when following begins."""
LONGEST_WAIT: Final = 600.0
"""Seconds for which a number that was passed over is looked for."""
MOST_MISSING: Final = 10_000


@frozen(kw_only=True)
class _Look:
    """What one read found: new numbers, the newest that there is, and the rows to return."""

    ids: Sequence[int]
    newest: int
    rows: Sequence[LogRow] = ()


class LogFollower:
    """Reads the attempts that are written from now on. For one thread.

    Attempts are listed by their start, but written when they end, so a place in that order would
    miss those that took long. This goes by `log_id`, the number of the row. Numbers are given when
    a row is inserted and seen when its transaction commits, so a lower one may be seen after a
    higher one: every number that was passed over is looked for with each poll, until it is seen
    or `LONGEST_WAIT` is over. Transactions that write attempts take milliseconds; numbers that
    never come are those of transactions that were rolled back. The same goes for the last
    `LOOKED_BACK` numbers before the beginning. So none is missed, unless its transaction hangs
    for ten minutes, or more than `MOST_MISSING` numbers are passed over at once.

    `behind` tells whether there is more to read at once. `clock` returns seconds that never go
    back.
    """

    def __init__(
        self, ledger: Ledger, wanted: LogFilter, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._wanted = wanted
        self._clock = clock
        self._missing: dict[int, float] = {}
        self.behind = False
        first = ledger.read(_look_back)
        self._newest = first.newest
        self._pass_over(first, after=max(0, first.newest - LOOKED_BACK))

    def poll(self) -> Sequence[LogRow]:
        """Return the attempts that the filter means and no poll returned, as they were written.

        About `PAGE` at most. An attempt whose outcome is corrected later, since its worker was
        taken for dead, is returned once.
        """
        found = self._ledger.read(self._look)
        self.behind = len(found.ids) == PAGE
        for row in found.rows:
            self._missing.pop(row.log_id, None)
        self._pass_over(found, after=self._newest)
        self._newest = found.newest
        self._give_up()
        return [row for row in found.rows if _is_meant(self._wanted, row)]

    def _look(self, view: LedgerView) -> _Look:
        """Read what is new. Changes nothing: the ledger may call it again."""
        ids = view.log.ids(after=self._newest, limit=PAGE)
        # SQLite gives the numbers of the newest rows again after the clean-up deleted them.
        newest = ids[-1] if ids else min(self._newest, view.log.newest_id())
        rows = view.log.rows([*self._missing, *ids], tenant=self._wanted.tenant)
        return _Look(ids=ids, newest=newest, rows=rows[::-1])

    def _pass_over(self, found: _Look, *, after: int) -> None:
        """Note the numbers above `after` that were not found although a higher one is there."""
        first = max(after, found.newest - MOST_MISSING) + 1
        now = self._clock()
        for one in sorted(set(range(first, found.newest + 1)).difference(found.ids)):
            self._missing[one] = now

    def _give_up(self) -> None:
        oldest = self._clock() - LONGEST_WAIT
        kept = [
            (one, since)
            for one, since in self._missing.items()
            if since >= oldest and one < self._newest
        ]
        self._missing = dict(kept[-MOST_MISSING:])


def _look_back(view: LedgerView) -> _Look:
    newest = view.log.newest_id()
    there = view.log.ids(after=max(0, newest - LOOKED_BACK), limit=LOOKED_BACK)
    return _Look(ids=[one for one in there if one <= newest], newest=newest)


def _is_meant(wanted: LogFilter, row: LogRow) -> bool:
    started = row.attempt.started_at
    return (
        wanted.subscription_id in (None, row.subscription_id)
        and wanted.event_name in (None, row.event_name)
        and wanted.fits(row.attempt.outcome)
        and (wanted.since is None or started >= wanted.since)
        and (wanted.until is None or started < wanted.until)
    )

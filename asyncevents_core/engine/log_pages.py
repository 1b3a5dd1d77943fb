"""The log, page by page, as people ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from asyncevents_core.domain.logfilter import LogFilter
from asyncevents_core.domain.trace import LogPosition, LogRow
from asyncevents_core.errors import InvalidValue
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.queries import LedgerQueries

PAGE: Final = 1000
"""Attempts that `pages_of_log` reads at once."""


def page_of_log(
    queries: LedgerQueries, wanted: LogFilter, *, limit: int, before: int | None
) -> Sequence[LogRow]:
    """Return the attempts that a filter means, newest first, after the one with this `log_id`.

    Raises `InvalidValue` where that one is not there, or not any more.
    """
    position = None
    if before is not None:
        position = queries.log_position(before)
        if position is None:
            text = f"no attempt {before}; it may have been cleaned up: begin at the newest again"
            raise InvalidValue(text, field="before")
    return queries.logs(wanted, limit=limit, before=position)


def pages_of_log(ledger: Ledger, wanted: LogFilter) -> Iterator[Sequence[LogRow]]:
    """Yield all attempts that a filter means, newest first, in constant memory.

    What is added meanwhile is left out.
    """
    position: LogPosition | None = None
    while True:
        rows = _read(ledger, wanted, position)
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        position = rows[-1].position


def _read(ledger: Ledger, wanted: LogFilter, before: LogPosition | None) -> Sequence[LogRow]:
    return ledger.read(lambda queries: queries.logs(wanted, limit=PAGE, before=before))

"""The log, page by page, as people ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from asyncevents_core.domain.log_filter import LogFilter
from asyncevents_core.domain.trace import LogPosition, LogRow
from asyncevents_core.errors import InvalidValue
from asyncevents_core.ports.ledger import Ledger, LedgerView

PAGE: Final = 1000
"""Attempts that `pages_of_log` reads at once."""


def page_of_log(
    view: LedgerView, wanted: LogFilter, *, limit: int, before: int | None
) -> Sequence[LogRow]:
    """Return the attempts that a filter matches, newest first, after the one with this `log_id`.

    Raises `InvalidValue` where that one is not there, or not any more.
    """
    position = None
    if before is not None:
        position = view.log.position(before)
        if position is None:
            text = f"no attempt {before}; it may have been cleaned up: begin at the newest again"
            raise InvalidValue(text, field="before")
    return view.log.page(wanted, limit=limit, before=position)


def pages_of_log(
    ledger: Ledger, wanted: LogFilter, *, limit: int | None = None, before: int | None = None
) -> Iterator[Sequence[LogRow]]:
    """Yield all attempts that a filter matches, newest first, in constant memory.

    What is added meanwhile is left out. `limit` and `before` are as for `page_of_log`, which
    says what is raised.
    """
    left = limit
    size = PAGE if left is None else min(PAGE, left)
    rows = _first(ledger, wanted, size, before)
    while rows:
        yield rows
        left = None if left is None else left - len(rows)
        if len(rows) < size or left == 0:
            return
        size = PAGE if left is None else min(PAGE, left)
        rows = _next(ledger, wanted, size, rows[-1].position)


def _first(ledger: Ledger, wanted: LogFilter, limit: int, before: int | None) -> Sequence[LogRow]:
    return ledger.read(lambda view: page_of_log(view, wanted, limit=limit, before=before))


def _next(ledger: Ledger, wanted: LogFilter, limit: int, before: LogPosition) -> Sequence[LogRow]:
    return ledger.read(lambda view: view.log.page(wanted, limit=limit, before=before))

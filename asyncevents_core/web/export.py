"""The log as CSV, page by page: in constant memory however long it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from asyncevents_core.domain import logcsv
from asyncevents_core.domain.logfilter import LogFilter
from asyncevents_core.domain.trace import LogRow
from asyncevents_core.ports.queries import LedgerQueries

PAGE: Final = 1000

_Read = Callable[[Callable[[LedgerQueries], Sequence[LogRow]]], Awaitable[Sequence[LogRow]]]


async def csv_of_log(wanted: LogFilter, read: _Read) -> AsyncIterator[bytes]:
    """Yield the attempts that a filter means, newest first, as UTF-8 with a line of names.

    `read` runs a query on the ledger. What is added meanwhile is left out.
    """
    yield logcsv.header()
    before: int | None = None
    while True:
        rows = await read(_query(wanted, before))
        if rows:
            yield logcsv.lines(rows)
        if len(rows) < PAGE:
            return
        before = rows[-1].log_id


def _query(wanted: LogFilter, before: int | None) -> Callable[[LedgerQueries], Sequence[LogRow]]:
    return lambda queries: queries.logs(wanted, limit=PAGE, before=before)

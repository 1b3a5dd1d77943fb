"""The log as CSV, page by page: in constant memory however long it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Final

from asyncevents_core.domain import logcsv
from asyncevents_core.domain.logfilter import LogFilter
from asyncevents_core.domain.trace import LogRow
from asyncevents_core.ports.queries import LedgerQueries
from asyncevents_core.web.backend import Backend

PAGE: Final = 1000

Pages = AsyncIterator[Sequence[LogRow]]
_Read = Callable[[Callable[[LedgerQueries], Sequence[LogRow]]], Awaitable[Sequence[LogRow]]]


async def csv_of(pages: Pages) -> AsyncIterator[bytes]:
    """Yield attempts as UTF-8 with a line of names."""
    yield logcsv.header()
    async for rows in pages:
        if rows:
            yield logcsv.lines(rows)


async def pages_of_log(wanted: LogFilter, read: _Read) -> Pages:
    """Yield the attempts that a filter means, newest first. `read` runs a query on the ledger.

    What is added meanwhile is left out.
    """
    before: int | None = None
    while True:
        rows = await read(_query(wanted, before))
        yield rows
        if len(rows) < PAGE:
            return
        before = rows[-1].log_id


async def pages_of_search(backend: Backend, text: str, wanted: LogFilter) -> Pages:
    """Return the attempts that a search finds, newest first.

    The first page is read at once, so that what is wrong is told before anything is sent.
    Raises as `LogSearch`.
    """
    pages = await backend.run(lambda: backend.search.pages(text, wanted))
    first = await backend.run(next, pages, None)
    return _from(backend, first, pages)


async def _from(
    backend: Backend, first: Sequence[LogRow] | None, rest: Iterator[Sequence[LogRow]]
) -> Pages:
    rows = first
    while rows is not None:
        yield rows
        rows = await backend.run(next, rest, None)


def _query(wanted: LogFilter, before: int | None) -> Callable[[LedgerQueries], Sequence[LogRow]]:
    return lambda queries: queries.logs(wanted, limit=PAGE, before=before)

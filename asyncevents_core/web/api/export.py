"""The log as CSV, page by page: in constant memory however long it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from asyncevents_core.domain import log_csv
from asyncevents_core.domain.trace import LogFilter, LogRow
from asyncevents_core.engine.searching.pages import pages_of_log
from asyncevents_core.web.backend import RequestBackend

Pages = AsyncIterator[Sequence[LogRow]]


async def csv_of(pages: Pages) -> AsyncIterator[bytes]:
    """Yield attempts as UTF-8 with a line of names."""
    yield log_csv.header()
    async for rows in pages:
        if rows:
            yield log_csv.lines(rows)


async def pages(backend: RequestBackend, search: str | None, wanted: LogFilter) -> Pages:
    """Return the attempts that a filter matches and a search finds, newest first.

    The first page is read at once, so that what is wrong is told before anything is sent.
    Raises as `LogSearch` and the ledger.
    """
    if search is None:
        found = pages_of_log(backend.ledger, wanted)
    else:
        found = await backend.run(lambda: backend.search.pages(search, wanted))
    first = await backend.run(next, found, None)
    return _from(backend, first, found)


async def _from(
    backend: RequestBackend, first: Sequence[LogRow] | None, rest: Iterator[Sequence[LogRow]]
) -> Pages:
    rows = first
    while rows is not None:
        yield rows
        rows = await backend.anew().run(next, rest, None)

"""The log as CSV, page by page: in constant memory however long it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asyncevents_core.domain import log_csv
from asyncevents_core.domain.trace import LogBatch, LogFilter
from asyncevents_core.engine.searching.export import batches_of_log
from asyncevents_core.engine.searching.pages import pages_of_log
from asyncevents_core.web.backend import RequestBackend

Batches = AsyncIterator[LogBatch]


async def csv_of(batches: Batches, *, payload: bool) -> AsyncIterator[bytes]:
    """Yield attempts as UTF-8 with a line of names; `payload` says whether they have theirs."""
    yield log_csv.header(payload=payload)
    async for batch in batches:
        if batch.rows:
            yield log_csv.lines(batch)


async def exported(
    backend: RequestBackend, search: str | None, wanted: LogFilter, *, payload: bool
) -> Batches:
    """Return the attempts that a filter matches and a search finds, newest first.

    With what was sent if `payload`. The first batch is read at once, so that what is wrong is told
    before anything is sent. Raises as `LogSearch` and the ledger.
    """
    if search is None:
        found = pages_of_log(backend.ledger, wanted)
    else:
        found = await backend.run(lambda: backend.search.pages(search, wanted))
    batches = batches_of_log(backend.ledger, found, payload=payload)
    first = await backend.run(next, batches, None)
    return _from(backend, first, batches)


async def _from(
    backend: RequestBackend, first: LogBatch | None, rest: Iterator[LogBatch]
) -> Batches:
    batch = first
    while batch is not None:
        yield batch
        batch = await backend.anew().run(next, rest, None)

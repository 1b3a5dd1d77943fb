"""Search the log: a query in Lucene's syntax, answered by the index, rows read from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from asyncevents_core.domain.query.nodes import Query
from asyncevents_core.domain.trace import LoggedAttempt
from asyncevents_core.ports.index_queue import IndexBacklog
from asyncevents_core.ports.indexer import Indexer
from asyncevents_core.ports.ledger import Ledger

PAGE = 500


@frozen(kw_only=True)
class SearchPage:
    """One page of hits, newest first.

    `total` counts all hits: exactly, or at least so many if not `exact`. `next` is the `before`
    of the next page, None after the last one. `behind` tells what the index does not hold yet.
    """

    rows: Sequence[LoggedAttempt]
    total: int
    exact: bool
    next: int | None
    behind: IndexBacklog


class LogSearch:
    """Searches an open index. Thread-safe. `parse` turns a text into a query."""

    def __init__(self, ledger: Ledger, indexer: Indexer, parse: Callable[[str], Query]) -> None:
        self._ledger = ledger
        self._indexer = indexer
        self._parse = parse

    def page(self, text: str, *, limit: int, before: int | None = None) -> SearchPage:
        """Return a page of what a query finds.

        Raises `InvalidQuery`, `SearchTimeout`, `IndexUnavailable`, `LedgerError`.
        """
        found = self._indexer.search(self._parse(text), limit=limit + 1, before=before)
        ids = found.log_ids[:limit]
        rows = self._ledger.read(lambda queries: queries.logs_of(ids))
        behind = self._ledger.read(lambda queries: queries.index_backlog())
        return SearchPage(
            rows=rows,
            total=found.total or 0,
            exact=found.exact,
            next=ids[-1] if len(found.log_ids) > limit else None,
            behind=behind,
        )

    def all(self, text: str) -> Iterator[LoggedAttempt]:
        """Yield every hit, newest first, in constant memory. Raises as `page`."""
        query, before = self._parse(text), None
        while True:
            found = self._indexer.search(query, limit=PAGE, before=before, count=False)
            if not found.log_ids:
                return
            ids = found.log_ids
            yield from self._ledger.read(lambda queries, ids=ids: queries.logs_of(ids))  # type: ignore[misc]
            before = ids[-1]

    def close(self) -> None:
        """Close the index. Called once."""
        self._indexer.close()

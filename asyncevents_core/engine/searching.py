"""Search the log: a query in Lucene's syntax, answered by the index, rows read from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from asyncevents_core.domain.query.nodes import Query
from asyncevents_core.domain.trace import LoggedAttempt
from asyncevents_core.errors import SearchOff
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

    def __init__(
        self, ledger: Ledger, indexer: Indexer | None, parse: Callable[[str], Query]
    ) -> None:
        self._ledger = ledger
        self._indexer = indexer
        self._parse = parse

    def page(self, text: str, *, limit: int, before: int | None = None) -> SearchPage:
        """Return a page of what a query finds.

        Raises `SearchOff` without an indexer, `InvalidQuery`, `SearchTimeout`,
        `IndexUnavailable`.
        """
        found = self._index().search(self._parse(text), limit=limit + 1, before=before)
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
        indexer, query, before = self._index(), self._parse(text), None
        while True:
            found = indexer.search(query, limit=PAGE, before=before, count=False)
            if not found.log_ids:
                return
            ids = found.log_ids
            yield from self._ledger.read(lambda queries, ids=ids: queries.logs_of(ids))  # type: ignore[misc]
            before = ids[-1]

    def close(self) -> None:
        """Close the index. Called once."""
        if self._indexer is not None:
            self._indexer.close()

    def _index(self) -> Indexer:
        if self._indexer is None:
            raise SearchOff(
                "search is off: no index. Install asyncevents-core[search], set INDEXER = "
                "'embedded', and run a worker"
            )
        return self._indexer

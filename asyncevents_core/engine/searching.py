"""Search the log: a query in Lucene's syntax, answered by the index, rows read from the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from attrs import frozen

from asyncevents_core.domain.logfilter import LogFilter
from asyncevents_core.domain.query.narrowing import narrowed
from asyncevents_core.domain.query.nodes import Query
from asyncevents_core.domain.replay import FoundFilter
from asyncevents_core.domain.trace import LogRow
from asyncevents_core.ports.index_queue import IndexBacklog
from asyncevents_core.ports.indexer import Indexer
from asyncevents_core.ports.ledger import Ledger

PAGE: Final = 1000
"""Attempts that `LogSearch.pages` reads at once."""


class Parse(Protocol):
    """Turns a text into a query; ``now`` in it is `now`, microseconds. Raises `InvalidQuery`."""

    def __call__(self, text: str, *, now: int | None = None) -> Query: ...


@frozen(kw_only=True)
class SearchPage:
    """One page of hits, newest first.

    `total` counts all hits: exactly, or at least so many if not `exact`. `next` is the `before`
    of the next page, None after the last one. `behind` tells what the index does not hold yet.
    """

    rows: Sequence[LogRow]
    total: int
    exact: bool
    next: int | None
    behind: IndexBacklog


class LogSearch:
    """Searches an open index. Thread-safe.

    All methods raise `InvalidQuery`, `SearchTimeout`, `IndexUnavailable` and `LedgerError`.
    Where both a text and a `LogFilter` are given, what both mean is found.
    """

    def __init__(self, ledger: Ledger, indexer: Indexer, parse: Parse) -> None:
        self._ledger = ledger
        self._indexer = indexer
        self._parse = parse

    def page(
        self,
        text: str,
        wanted: LogFilter = LogFilter(),  # noqa: B008 - frozen
        *,
        limit: int,
        before: int | None = None,
    ) -> SearchPage:
        """Return a page of what is found."""
        query = self._query(text, wanted)
        found = self._indexer.search(query, limit=limit + 1, before=before)
        ids = found.log_ids[:limit]
        return SearchPage(
            rows=self._rows(ids, wanted),
            total=found.total or 0,
            exact=found.exact,
            next=ids[-1] if len(found.log_ids) > limit else None,
            behind=self._ledger.read(lambda queries: queries.index_backlog()),
        )

    def pages(
        self,
        text: str,
        wanted: LogFilter = LogFilter(),  # noqa: B008 - frozen
    ) -> Iterator[Sequence[LogRow]]:
        """Yield everything that is found, newest first, a page at a time: in constant memory."""
        query, before = self._query(text, wanted), None
        while True:
            found = self._indexer.search(query, limit=PAGE, before=before, count=False)
            if not found.log_ids:
                return
            yield self._rows(found.log_ids, wanted)
            before = found.log_ids[-1]

    def count(self, wanted: FoundFilter) -> tuple[int, bool]:
        """Return how many attempts are found, and whether there are not more."""
        found = self._indexer.search(self._found(wanted), limit=0, before=wanted.before)
        return found.total or 0, found.exact

    def find(self, wanted: FoundFilter, limit: int) -> Sequence[int]:
        """Return the log ids of the first few attempts that are found, newest first."""
        query = self._found(wanted)
        return self._indexer.search(query, limit=limit, before=wanted.before, count=False).log_ids

    def close(self) -> None:
        """Close the index. Called once."""
        self._indexer.close()

    def _found(self, wanted: FoundFilter) -> Query:
        query = self._parse(wanted.query, now=wanted.asked_at)
        return self._narrowed(query, LogFilter(tenant=wanted.tenant))

    def _query(self, text: str, wanted: LogFilter) -> Query:
        return self._narrowed(self._parse(text), wanted)

    def _narrowed(self, query: Query, wanted: LogFilter) -> Query:
        tenant = wanted.tenant
        if tenant is None:
            return narrowed(query, wanted, None)
        own = self._ledger.read(lambda queries: queries.subscriptions_of(tenant))
        return narrowed(query, wanted, own)

    def _rows(self, log_ids: Sequence[int], wanted: LogFilter) -> Sequence[LogRow]:
        return self._ledger.read(lambda queries: queries.logs_of(log_ids, tenant=wanted.tenant))

"""Search the log: a query in Lucene's syntax, answered by the index, rows read from the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from attrs import frozen

from asyncevents_core.domain.histogram import Bar, Histogram
from asyncevents_core.domain.query.doubts import Doubt
from asyncevents_core.domain.query.explaining import explained, fields_of
from asyncevents_core.domain.query.fields import PAYLOAD, short_name
from asyncevents_core.domain.query.narrowing import narrowed
from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
    ExistsQuery,
    Pattern,
    Query,
    TermQuery,
    Wild,
)
from asyncevents_core.domain.replay import FoundFilter
from asyncevents_core.domain.trace import LogFilter, LogRow
from asyncevents_core.engine.searching.by_time import times_of
from asyncevents_core.errors import InvalidQuery
from asyncevents_core.ports.indexer import Found, Indexer
from asyncevents_core.ports.ledger import Ledger, LedgerView
from asyncevents_core.ports.ledger.index import IndexBacklog
from asyncevents_core.settings.run_time import RunTimeValues

_MOST_FIELDS: Final = 10
"""Fields of a query of which it is looked up whether any attempt has them: a search each."""
_UNHAD: Final = "no attempt in the index has such a field"

PAGE: Final = 1000
"""Attempts that `LogSearch.pages` reads at once."""


class QueryLanguage(Protocol):
    """What the texts are written in."""

    def parse(self, text: str, *, now: int | None = None) -> Query:
        """Turn a text into a query; ``now`` in it is `now`, microseconds. Raises `InvalidQuery`."""
        ...

    def doubts(self, text: str) -> Sequence[Doubt]:
        """Return what in a text that can be parsed is probably meant otherwise."""
        ...


@frozen(kw_only=True)
class Reading:
    """How a query is read: lines that say what it finds, and what is doubtful about it."""

    lines: Sequence[str]
    doubts: Sequence[Doubt]


@frozen(kw_only=True)
class SearchPage:
    """One page of hits, newest first.

    `total` counts all hits: exactly, or at least so many if not `exact`. `next` is the `before`
    of the next page, None after the last one. `behind` tells what the index does not hold yet;
    while `indexing` is switched off, it will not catch up. If it is not `complete`, it was lost
    or begun without what there was, and a reindex fills it.
    """

    rows: Sequence[LogRow]
    total: int
    exact: bool
    next: int | None
    behind: IndexBacklog
    indexing: bool
    complete: bool


class LogSearch:
    """Searches an open index. Thread-safe. A search may take `timeout` seconds.

    `enabled` is INDEXING_ENABLED in the settings; what is set at run time wins.

    All methods raise `InvalidQuery`, `SearchTimeout`, `IndexUnavailable` and `LedgerError`.
    Where both a text and a `LogFilter` are given, what both mean is found.
    """

    def __init__(
        self,
        ledger: Ledger,
        indexer: Indexer,
        language: QueryLanguage,
        *,
        timeout: float = 10.0,
        enabled: bool = True,
    ) -> None:
        self._ledger = ledger
        self._indexer = indexer
        self._language = language
        self._timeout = timeout
        self._enabled = enabled

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
        found = self._search(query, limit=limit + 1, before=before)
        ids = found.log_ids[:limit]

        def read(view: LedgerView) -> tuple[Sequence[LogRow], IndexBacklog, bool]:
            enabled = RunTimeValues.of(view).switch("INDEXING_ENABLED", self._enabled)
            rows = view.log.rows(ids, tenant=wanted.tenant)
            return rows, view.index.backlog(), bool(enabled)

        rows, backlog, enabled = self._ledger.read(read)
        return SearchPage(
            rows=rows,
            total=found.total or 0,
            exact=found.exact,
            next=ids[-1] if len(found.log_ids) > limit else None,
            behind=backlog,
            indexing=enabled,
            complete=self.is_complete(backlog),
        )

    def pages(
        self,
        text: str,
        wanted: LogFilter = LogFilter(),  # noqa: B008 - frozen
        *,
        limit: int | None = None,
        before: int | None = None,
    ) -> Iterator[Sequence[LogRow]]:
        """Yield everything that is found, newest first, a page at a time: in constant memory."""
        query, left = self._query(text, wanted), limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            found = self._search(query, limit=size, before=before, count=False)
            if not found.log_ids:
                return
            yield self._rows(found.log_ids, wanted.tenant)
            before = found.log_ids[-1]
            left = None if left is None else left - len(found.log_ids)

    def histogram(self, text: str, wanted: LogFilter) -> Histogram | None:
        """Return everything that is found by time; None where the indexer has no histograms."""
        query = self._query(text, wanted)
        buckets = times_of(wanted, self._ledger.read(lambda view: view.now()))
        succeeded = BooleanQuery(must=(query, TermQuery(field="success", text="true")))
        every = self._indexer.histogram(query, buckets, timeout=self._timeout)
        delivered = self._indexer.histogram(succeeded, buckets, timeout=self._timeout)
        if every is None or delivered is None:
            return None
        bars = [
            Bar(since=since, until=until, delivered=some, failed=max(0, of - some))
            for (since, until), of, some in zip(buckets.ranges(), every, delivered, strict=True)
        ]
        return Histogram(bars=tuple(bars), counted_since=buckets.since)

    def reading(self, text: str) -> Reading:
        """Return how a query is read. Fields that no attempt has are doubtful, too."""
        query = self._language.parse(text)
        unknown = [one for one in sorted(fields_of(query))[:_MOST_FIELDS] if not self._has(one)]
        doubts = [
            Doubt(position=max(0, text.find(name)), found=name, hint=self._instead_of(one))
            for one, name in ((one, short_name(one, text)) for one in unknown)
        ]
        return Reading(lines=explained(query), doubts=[*self._language.doubts(text), *doubts])

    def _instead_of(self, field: str) -> str:
        """Say that no attempt has a field, and where else one of that name is."""
        last = field.rpartition(".")[2]
        below = Pattern((f"{PAYLOAD}.", Wild.ANY, f".{last}"))
        return (
            f"{_UNHAD}; {PAYLOAD}.*.{last} is there, further down" if self._has(below) else _UNHAD
        )

    def _has(self, field: str | Pattern) -> bool:
        found = self._search(ExistsQuery(field=field), limit=1, before=None, count=False)
        return bool(found.log_ids)

    def count(self, wanted: FoundFilter) -> tuple[int, bool]:
        """Return how many attempts are found, and whether there are not more."""
        found = self._search(self._found(wanted), limit=0, before=wanted.before)
        return found.total or 0, found.exact

    def find(self, wanted: FoundFilter, limit: int) -> Sequence[int]:
        """Return the log ids of the first few attempts that are found, newest first."""
        query = self._found(wanted)
        return self._search(query, limit=limit, before=wanted.before, count=False).log_ids

    def is_complete(self, backlog: IndexBacklog) -> bool:
        """Tell whether the index has the first of all attempts, or will have it.

        If not, it was lost, or begun without what there was: a reindex fills it.
        """
        return holds_first(self._ledger, self._indexer, backlog, timeout=self._timeout)

    def close(self) -> None:
        """Close the index. Called once."""
        self._indexer.close()

    def _search(self, query: Query, *, limit: int, before: int | None, count: bool = True) -> Found:
        return self._indexer.search(
            query, limit=limit, before=before, timeout=self._timeout, count=count
        )

    def _found(self, wanted: FoundFilter) -> Query:
        query = self._language.parse(wanted.query, now=wanted.asked_at)
        for one in self._language.doubts(wanted.query):
            # What is found is sent again: nothing that was perhaps not meant.
            if one.widens:
                raise InvalidQuery(wanted.query, one.position, one.hint, found=f"“{one.found}”")
        return self._narrowed(query, LogFilter(tenant=wanted.tenant))

    def _query(self, text: str, wanted: LogFilter) -> Query:
        return self._narrowed(self._language.parse(text), wanted)

    def _narrowed(self, query: Query, wanted: LogFilter) -> Query:
        tenant = wanted.tenant
        if tenant is None:
            return narrowed(query, wanted, None)
        own = self._ledger.read(lambda view: view.subscriptions.ids_of(tenant))
        return narrowed(query, wanted, own)

    def _rows(self, log_ids: Sequence[int], tenant: str | None) -> Sequence[LogRow]:
        return self._ledger.read(lambda view: view.log.rows(log_ids, tenant=tenant))


def holds_first(ledger: Ledger, indexer: Indexer, backlog: IndexBacklog, *, timeout: float) -> bool:
    """Tell whether an index has the `first` attempt of a backlog that was read before.

    Raises as `LogSearch`. Cheap, where counting all attempts would not be; it tells apart an
    index that is behind from one that was lost, is another one than workers feed, or was begun
    later than the ledger.
    """
    first = backlog.first
    if first is None:
        return True
    query = TermQuery(field="log_id", text=str(first))
    if indexer.search(query, limit=1, timeout=timeout, count=False).log_ids:
        return True
    # The clean-up may have deleted it in between.
    return ledger.read(lambda view: view.index.backlog()).first != first

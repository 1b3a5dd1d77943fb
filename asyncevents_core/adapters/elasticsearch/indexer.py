"""The indexer on Elasticsearch."""

from __future__ import annotations

import functools
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from asyncevents_core.adapters.elasticsearch.bulk import Action, Batch, Bulk, Kind
from asyncevents_core.adapters.elasticsearch.calls import make_client, reaching
from asyncevents_core.adapters.elasticsearch.config import ElasticsearchConfig
from asyncevents_core.adapters.elasticsearch.documents import (
    DELETED,
    DocumentMaker,
    tombstone,
)
from asyncevents_core.adapters.elasticsearch.indices import Indices
from asyncevents_core.adapters.elasticsearch.making import Clause, ElasticMaker
from asyncevents_core.adapters.elasticsearch.names import Generation
from asyncevents_core.adapters.elasticsearch.searching import Searching
from asyncevents_core.domain.histogram import Buckets
from asyncevents_core.domain.query.nodes import Query
from asyncevents_core.errors import IndexUnavailable
from asyncevents_core.indexer_kit.translating import Translator
from asyncevents_core.ports.indexer import (
    COUNTED,
    AttemptDocument,
    Found,
    Indexer,
    Rebuild,
    Rejected,
)

_LARGEST_PAGE: Final = 10_000
_COUNTING: Final = 30.0
_IS_DELETED: Final[Mapping[str, Any]] = {"term": {DELETED: {"value": True}}}


class ElasticsearchIndexer(Indexer):
    """An index on a cluster. A document's id is its `log_id`; a bulk request is durable."""

    def __init__(self, config: ElasticsearchConfig) -> None:
        self._config = config
        self._maker = DocumentMaker()
        self._writing = threading.RLock()
        self._known = False

    def upsert(self, documents: Sequence[AttemptDocument]) -> Sequence[Rejected]:
        """See `Indexer`."""
        if not documents:
            return []
        batch = Batch(self._maker, documents)
        with self._writing:
            state = self._indices.read()
            # The new generation first: killed in between, the caller repeats the whole call.
            if state.next is not None:
                self._replace(state.next, batch, serving=False)
            serving = state.serving or self._indices.fresh()
            return self._replace(serving, batch, serving=True)

    def delete(self, log_ids: Collection[int]) -> None:
        """See `Indexer`."""
        if not log_ids:
            return
        with self._writing:
            state = self._indices.read()
            if state.next is not None:
                held = self._indices.holding(state.next, log_ids, serving=False)
                graves = ((one, tombstone(one)) for one in set(log_ids))
                self._bulk.write(_actions("index", held, graves))
            if state.serving is not None:
                self._take_out(state.serving, log_ids)
                if state.next is None:
                    self._drop_empty(state.serving, log_ids)

    def search(
        self,
        query: Query,
        *,
        limit: int,
        before: int | None = None,
        timeout: float = 10.0,
        count: bool = True,
    ) -> Found:
        """See `Indexer`."""
        searching = Searching(self._client, self._config.index, timeout=timeout)
        body = {
            "query": self._hits(query, searching, timeout),
            "sort": [{"log_id": "desc"}],
            "_source": False,
            "track_total_hits": COUNTED if count else False,
        }
        log_ids: list[int] = []
        total: Mapping[str, Any] = {}
        while True:
            size = min(limit - len(log_ids), _LARGEST_PAGE)
            after = {} if before is None else {"search_after": [before]}
            hits = searching.ask({**body, **after, "size": size})["hits"]
            # Counted once, with the first page.
            total = total or hits.get("total", {})
            body["track_total_hits"] = False
            found = [int(one["sort"][0]) for one in hits["hits"]]
            log_ids += found
            if len(found) < size or len(log_ids) >= limit:
                break
            before = found[-1]
        if not count:
            return Found(log_ids=log_ids, total=None)
        return Found(log_ids=log_ids, total=total["value"], exact=total["relation"] == "eq")

    def histogram(
        self, query: Query, buckets: Buckets, *, timeout: float = 10.0
    ) -> Sequence[int] | None:
        """See `Indexer`. Dates have milliseconds here."""
        searching = Searching(self._client, self._config.index, timeout=timeout)
        hits = self._hits(query, searching, timeout)
        answer = searching.ask({"query": hits, "size": 0, "aggs": _by_time(buckets)})
        if "aggregations" not in answer:
            return [0] * len(buckets.ranges())
        return [one["doc_count"] for one in answer["aggregations"]["by_time"]["buckets"]]

    def count(self) -> int:
        """See `Indexer`."""
        searching = Searching(self._client, self._config.index, timeout=_COUNTING)
        body = {"query": _visible({"match_all": {}}), "size": 0, "track_total_hits": True}
        return int(searching.ask(body)["hits"]["total"]["value"])

    def rebuild(self) -> Rebuild:
        """See `Indexer`."""
        with self._writing:
            self._indices.give_up_others()
            state = self._indices.read()
            if state.next is None:
                self._indices.remove(state.leftovers)
                self._indices.begin()
        return _ElasticsearchRebuild(self)

    def is_rebuilding(self) -> bool:
        """See `Indexer`."""
        return self._indices.read().next is not None

    def close(self) -> None:
        """See `Indexer`."""
        if "_client" in self.__dict__:
            self._client.close()

    def cursor(self) -> int | None:
        """Return the cursor of the rebuild."""
        following = self._indices.read().next
        return None if following is None else self._indices.cursor(following)

    def fill(self, documents: Sequence[AttemptDocument], cursor: int) -> Sequence[Rejected]:
        """Add what the new generation does not have."""
        batch = Batch(self._maker, documents)
        with self._writing:
            following = self._indices.holding(self._following(), batch.log_ids, serving=False)
            refused = self._bulk.write(_actions("create", following, batch))
            self._indices.remember(following, cursor)
        return batch.rejected + refused

    def finish(self) -> None:
        """Let the new generation serve."""
        with self._writing:
            following = self._following()
            self._indices.refresh(following.indices)
            self._indices.switch(self._indices.read().serving, following)
            # Only now: a fill that is repeated after a kill must still meet them.
            self._remove_tombstones(following)
            self._indices.remove(self._indices.read().leftovers)

    def abandon(self) -> None:
        """Remove the new generation."""
        with self._writing:
            following = self._indices.read().next
            if following is not None:
                self._indices.remove([following.rebuild, *following.indices])

    # Made at the first use: opening connects nowhere, and reads no file.
    @functools.cached_property
    def _client(self) -> Any:
        return make_client(self._config)

    @functools.cached_property
    def _indices(self) -> Indices:
        return Indices(self._client, self._config)

    @functools.cached_property
    def _bulk(self) -> Bulk:
        return Bulk(self._client, size=self._config.bulk_bytes, parallel=self._config.parallel)

    def _following(self) -> Generation:
        following = self._indices.read().next
        if following is None:
            raise IndexUnavailable("this rebuild has ended: begin another one")
        return following

    def _replace(self, generation: Generation, batch: Batch, *, serving: bool) -> list[Rejected]:
        """Write these; return what is refused, of which older versions are gone, too."""
        held = self._indices.holding(generation, batch.log_ids, serving=serving)
        refused = self._bulk.write(_actions("index", held, batch))
        refused += batch.rejected
        gone = ((one.log_id, b"") for one in refused)
        self._bulk.write(_actions("delete", held, gone))
        if serving:
            self._indices.refresh({held.index(held.number(one)) for one in batch.log_ids})
        return refused

    def _take_out(self, generation: Generation, log_ids: Collection[int]) -> None:
        there = [one for one in set(log_ids) if generation.number(one) in generation.numbers]
        self._bulk.write(_actions("delete", generation, ((one, b"") for one in there)))
        self._indices.refresh({generation.index(generation.number(one)) for one in there})

    def _drop_empty(self, generation: Generation, log_ids: Collection[int]) -> None:
        """Remove indices whose attempts are all gone; the newest one stays."""
        for number in {generation.number(one) for one in log_ids} & generation.numbers:
            if number == max(generation.numbers):
                continue
            index = generation.index(number)
            with reaching():
                empty = not self._client.count(index=index)["count"]
            if empty:
                self._indices.remove([index])

    def _remove_tombstones(self, generation: Generation) -> None:
        while True:
            body = {"query": _IS_DELETED, "size": _LARGEST_PAGE, "_source": False}
            searching = Searching(self._client, self._config.index, timeout=_COUNTING)
            found = searching.ask(body)["hits"]["hits"]
            if not found:
                return
            self._take_out(generation, [int(one["_id"]) for one in found])

    def _hits(self, query: Query, searching: Searching, timeout: float) -> Clause:
        self._check_layout(timeout)
        return _visible(Translator[Clause](ElasticMaker(searching.ask)).translate(query))

    def _check_layout(self, timeout: float) -> None:
        if not self._known and timeout > 0:
            self._known = self._indices.read().serving is not None


class _ElasticsearchRebuild(Rebuild):
    """A rebuild: all of its state is on the cluster."""

    def __init__(self, indexer: ElasticsearchIndexer) -> None:
        self._indexer = indexer

    @property
    def cursor(self) -> int | None:
        """See `Rebuild`."""
        return self._indexer.cursor()

    def fill(self, documents: Sequence[AttemptDocument], *, cursor: int) -> Sequence[Rejected]:
        """See `Rebuild`."""
        return self._indexer.fill(documents, cursor)

    def finish(self) -> None:
        """See `Rebuild`."""
        self._indexer.finish()

    def abandon(self) -> None:
        """See `Rebuild`."""
        self._indexer.abandon()


def _actions(
    kind: Kind, generation: Generation, sources: Iterable[tuple[int, bytes]]
) -> Iterator[Action]:
    for log_id, source in sources:
        alias = generation.write_alias(generation.number(log_id))
        yield Action(kind, alias, log_id, source)


def _by_time(buckets: Buckets) -> Mapping[str, Any]:
    # The field in microseconds is there to be searched only.
    ranges = [{"from": since // 1000, "to": until // 1000} for since, until in buckets.ranges()]
    by_time = {"field": "started_at", "format": "epoch_millis", "ranges": ranges}
    return {"by_time": {"date_range": by_time}}


def _visible(clause: Clause) -> Clause:
    """Return the query without what was taken out during a rebuild."""
    return {"bool": {"filter": [clause], "must_not": [_IS_DELETED]}}

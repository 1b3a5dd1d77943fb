"""An index in memory: the meaning of the contract, slow and simple."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence

from attrs import define, field, frozen

from asyncevents_core.domain.histogram import Buckets
from asyncevents_core.domain.query.nodes import Query
from asyncevents_core.errors import IndexUnavailable, SearchTimeout
from asyncevents_core.ports.indexer import (
    COUNTED,
    AttemptDocument,
    Found,
    Indexer,
    IndexerType,
    Rebuild,
    Rejected,
)
from asyncevents_core.testing.evaluation import Searchable

Generation = dict[int, Searchable | None]
"""Documents by log_id; None in place of one deleted during a rebuild."""


@define
class _Store:
    """What all open indexers of one type share."""

    lock: threading.RLock = field(factory=threading.RLock)
    serving: Generation = field(factory=dict)
    following: Generation | None = None
    cursor: int | None = None


@frozen(kw_only=True)
class MemoryIndexConfig:
    """Nothing can be configured."""


class MemoryIndexer(Indexer):
    """An open index in memory. Thread-safe."""

    def __init__(self, store: _Store) -> None:
        self._store = store

    def upsert(self, documents: Sequence[AttemptDocument]) -> Sequence[Rejected]:
        """See `Indexer`."""
        made, rejected = _made(documents)
        refused = [one.log_id for one in rejected]
        with self._store.lock:
            for generation in (self._store.serving, self._store.following):
                if generation is not None:
                    for log_id in refused:
                        generation.pop(log_id, None)
                    generation.update(made)
        return rejected

    def delete(self, log_ids: Collection[int]) -> None:
        """See `Indexer`."""
        with self._store.lock:
            for log_id in log_ids:
                self._store.serving.pop(log_id, None)
            if self._store.following is not None:
                self._store.following.update(dict.fromkeys(log_ids))

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
        until = time.monotonic() + timeout
        hits: list[int] = []
        for log_id, document in sorted(self._documents().items(), reverse=True):
            if time.monotonic() >= until:
                raise SearchTimeout(timeout)
            if document.is_hit(query):
                hits.append(log_id)
        page = [one for one in hits if before is None or one < before][:limit]
        if not count:
            return Found(log_ids=page, total=None)
        return Found(log_ids=page, total=min(len(hits), COUNTED), exact=len(hits) <= COUNTED)

    def histogram(
        self, query: Query, buckets: Buckets, *, timeout: float = 10.0
    ) -> Sequence[int] | None:
        """See `Indexer`."""
        hits = self.search(query, limit=self.count(), timeout=timeout, count=False).log_ids
        documents = self._documents()
        begun = [documents[one].document.started_at for one in hits if one in documents]
        return [sum(since <= one < until for one in begun) for since, until in buckets.ranges()]

    def count(self) -> int:
        """See `Indexer`."""
        return len(self._documents())

    def rebuild(self) -> Rebuild:
        """See `Indexer`."""
        with self._store.lock:
            if self._store.following is None:
                self._store.following, self._store.cursor = {}, None
        return _MemoryRebuild(self._store)

    def is_rebuilding(self) -> bool:
        """See `Indexer`."""
        return self._store.following is not None

    def _documents(self) -> Mapping[int, Searchable]:
        with self._store.lock:
            serving = self._store.serving
            return {log_id: one for log_id, one in serving.items() if one is not None}


class _MemoryRebuild(Rebuild):
    """A rebuild in memory."""

    def __init__(self, store: _Store) -> None:
        self._store = store

    @property
    def cursor(self) -> int | None:
        """See `Rebuild`."""
        return self._store.cursor

    def fill(self, documents: Sequence[AttemptDocument], *, cursor: int) -> Sequence[Rejected]:
        """See `Rebuild`."""
        with self._store.lock:
            following = self._following()
            made, rejected = _made([one for one in documents if one.log_id not in following])
            following.update(made)
            self._store.cursor = cursor
        return rejected

    def finish(self) -> None:
        """See `Rebuild`."""
        with self._store.lock:
            self._store.serving = self._following()
            self._store.following = self._store.cursor = None

    def abandon(self) -> None:
        """See `Rebuild`."""
        with self._store.lock:
            self._store.following = self._store.cursor = None

    def _following(self) -> Generation:
        if self._store.following is None:
            raise IndexUnavailable("this rebuild has ended: begin another one")
        return self._store.following


class MemoryIndexerType(IndexerType[MemoryIndexConfig]):
    """The indexer `memory`. All that it opens share one index, which lives as long as it."""

    name = "memory"
    title = "An index in memory, for tests"
    config_class = MemoryIndexConfig

    def __init__(self) -> None:
        self._store = _Store()

    def open(self, config: MemoryIndexConfig) -> Indexer:
        """See `IndexerType`."""
        return MemoryIndexer(self._store)


def _made(documents: Sequence[AttemptDocument]) -> tuple[Generation, list[Rejected]]:
    made: Generation = {}
    rejected: list[Rejected] = []
    for document in {one.log_id: one for one in documents}.values():
        try:
            made[document.log_id] = Searchable(document)
        except ValueError as error:
            reason = f"its body cannot be indexed: {error}"
            rejected.append(Rejected(log_id=document.log_id, reason=reason))
    return made, rejected

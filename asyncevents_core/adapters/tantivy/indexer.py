"""The indexer on tantivy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import tantivy

from asyncevents_core.adapters.tantivy.deadline import Deadline
from asyncevents_core.adapters.tantivy.documents import DELETED, DocumentMaker, tombstone
from asyncevents_core.adapters.tantivy.generations import (
    Folder,
    Generation,
    Generations,
    unreadable,
)
from asyncevents_core.adapters.tantivy.kind import EmbeddedConfig
from asyncevents_core.adapters.tantivy.making import TantivyMaker
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

T = TypeVar("T")
_LOWEST: Final = -(2**63) + 1


class EmbeddedIndexer(Indexer):
    """An index in a folder. A commit is one atomic, synced step of tantivy."""

    def __init__(self, config: EmbeddedConfig) -> None:
        self._memory_mb = config.memory_mb
        self._generations = Generations(Folder(config.path))
        self._deadline = Deadline(at_once=config.searches)
        self._maker = DocumentMaker()
        self._writing = threading.RLock()

    def upsert(self, documents: Sequence[AttemptDocument]) -> Sequence[Rejected]:
        """See `Indexer`."""
        newest = {one.log_id: one for one in documents}
        rejected = list[Rejected]()
        with self._writing:
            serving, following = self._generations.writable()
            made: Iterable[tantivy.Document] = self._made(newest.values(), rejected)
            if following is not None:
                made = list(made)
                # It comes first: killed in between, the caller repeats the whole call.
                self._replace(following, newest, made)
            self._replace(serving, newest, made)
        return rejected

    def delete(self, log_ids: Collection[int]) -> None:
        """See `Indexer`."""
        with self._writing:
            serving, following = self._generations.writable()
            if following is not None:
                self._replace(following, log_ids, [tombstone(one) for one in log_ids])
            self._replace(serving, log_ids, [])

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
        return self._deadline.run(
            lambda: self._search(query, limit, before, count), timeout=timeout
        )

    def histogram(
        self, query: Query, buckets: Buckets, *, timeout: float = 10.0
    ) -> Sequence[int] | None:
        """See `Indexer`."""
        return self._deadline.run(lambda: self._histogram(query, buckets), timeout=timeout)

    def count(self) -> int:
        """See `Indexer`."""
        serving = self._generations.serving()
        if serving is None:
            return 0
        generation, searcher = serving
        return _counted(searcher, _visible(generation, searcher, tantivy.Query.all_query()))

    def rebuild(self) -> Rebuild:
        """See `Indexer`."""
        with self._writing:
            self._generations.begin()
        return _EmbeddedRebuild(self)

    def is_rebuilding(self) -> bool:
        """See `Indexer`."""
        state = self._generations.folder.read()
        return state is not None and state.next is not None

    def close(self) -> None:
        """See `Indexer`."""
        with self._writing:
            self._generations.close()

    def cursor(self) -> int | None:
        """Return the cursor of the rebuild."""
        state = self._generations.folder.read()
        return None if state is None else state.cursor

    def fill(self, documents: Sequence[AttemptDocument], cursor: int) -> Sequence[Rejected]:
        """Add what the new generation does not have."""
        newest = {one.log_id: one for one in documents}
        with self._writing:
            following = self._following()
            present = _present(following, newest)
            missing = {key: one for key, one in newest.items() if key not in present}
            rejected = list[Rejected]()
            self._replace(following, (), self._made(missing.values(), rejected))
            self._generations.remember(cursor)
        return rejected

    def finish(self) -> None:
        """Let the new generation serve."""
        with self._writing:
            following = self._following()
            self._generations.end(keep=False)
            # Only now: a fill that is repeated after a kill must still meet them.
            self._changing(following, lambda writer: writer.delete_documents_by_term(DELETED, 1))

    def abandon(self) -> None:
        """Remove the new generation."""
        with self._writing:
            self._generations.end(keep=True)

    def _following(self) -> Generation:
        _, following = self._generations.writable()
        if following is None:
            raise IndexUnavailable("this rebuild has ended: begin another one")
        return following

    def _made(
        self, documents: Iterable[AttemptDocument], rejected: list[Rejected]
    ) -> Iterator[tantivy.Document]:
        """Yield what is written of documents, one by one: tantivy indexes the ones before.

        Those that cannot be read are added to `rejected`.
        """
        for document in documents:
            try:
                made = self._maker.make(document)
            except (ValueError, OverflowError) as error:
                reason = f"its body cannot be indexed: {error}"
                rejected.append(Rejected(log_id=document.log_id, reason=reason))
            else:
                yield made

    def _replace(
        self,
        generation: Generation,
        log_ids: Iterable[int],
        documents: Iterable[tantivy.Document],
    ) -> None:
        def change(writer: tantivy.IndexWriter) -> None:
            for log_id in log_ids:
                writer.delete_documents_by_term("log_id", log_id)
            for document in documents:
                writer.add_document(document)

        self._changing(generation, change)

    def _changing(
        self, generation: Generation, change: Callable[[tantivy.IndexWriter], object]
    ) -> None:
        writer = generation.writer(self._memory_mb)
        try:
            change(writer)
            writer.commit()
        except (ValueError, OSError, RuntimeError) as error:
            # What is half written must not be committed with what comes next.
            generation.forget_writer()
            raise IndexUnavailable(f"{generation.path}: cannot be written: {error}") from error

    def _histogram(self, query: Query, buckets: Buckets) -> Sequence[int]:
        serving = self._generations.serving()
        if serving is None:
            return [0] * len(buckets.ranges())
        generation, searcher = serving
        try:
            return _by_time(searcher, _hits(generation, searcher, query), buckets)
        except (ValueError, OSError) as error:
            raise unreadable(generation.path, error) from error

    def _search(self, query: Query, limit: int, before: int | None, count: bool) -> Found:
        serving = self._generations.serving()
        if serving is None:
            return Found(log_ids=(), total=0 if count else None)
        generation, searcher = serving
        hits = _hits(generation, searcher, query)
        try:
            log_ids, total = _page(generation, searcher, hits, limit, before, count)
        except (ValueError, OSError) as error:
            raise unreadable(generation.path, error) from error
        if total is None:
            return Found(log_ids=log_ids, total=None)
        return Found(log_ids=log_ids, total=min(total, COUNTED), exact=total <= COUNTED)


class _EmbeddedRebuild(Rebuild):
    """A rebuild: all of its state is in the folder."""

    def __init__(self, indexer: EmbeddedIndexer) -> None:
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


def _hits(generation: Generation, searcher: tantivy.Searcher, query: Query) -> tantivy.Query:
    translated = Translator(TantivyMaker(generation.schema, searcher)).translate(query)
    return _visible(generation, searcher, translated)


def _visible(
    generation: Generation, searcher: tantivy.Searcher, query: tantivy.Query
) -> tantivy.Query:
    """Return the query without what was taken out during a rebuild."""
    if not searcher.doc_freq(DELETED, 1):
        return query
    deleted = tantivy.Query.term_query(generation.schema, DELETED, 1)
    return tantivy.Query.boolean_query(
        [(tantivy.Occur.Must, query), (tantivy.Occur.MustNot, deleted)]
    )


def _page(
    generation: Generation,
    searcher: tantivy.Searcher,
    hits: tantivy.Query,
    limit: int,
    before: int | None,
    count: bool,
) -> tuple[list[int], int | None]:
    total = _counted(searcher, hits) if count and (before is not None or limit == 0) else None
    if limit == 0:
        return [], total
    if before is not None:
        older = tantivy.Query.range_query(
            generation.schema,
            "log_id",
            tantivy.FieldType.Integer,
            _LOWEST,
            before,
            include_upper=False,
        )
        hits = tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, hits), (tantivy.Occur.Must, older)]
        )
    counting = count and total is None
    found = searcher.search(
        hits,
        limit=min(limit, max(1, searcher.num_docs)),
        count=counting,
        order_by_field="log_id",
        order=tantivy.Order.Desc,
    )
    if counting:
        # tantivy's binding tells None where nothing was found.
        total = getattr(found, "count", None) or 0
    return [log_id for log_id, _ in found.hits], total


def _by_time(searcher: tantivy.Searcher, hits: tantivy.Query, buckets: Buckets) -> list[int]:
    ranges = [{"from": since, "to": until} for since, until in buckets.ranges()]
    asked = {"by_time": {"range": {"field": "started_at", "ranges": ranges}}}
    found = searcher.aggregate(hits, asked)["by_time"]["buckets"]
    # tantivy adds one for what is before them all, and one for what is after.
    return [one["doc_count"] for one in found if "from" in one and "to" in one]


def _counted(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    found = searcher.search(query, limit=1, count=True)
    return getattr(found, "count", None) or 0


def _present(generation: Generation, log_ids: Collection[int]) -> set[int]:
    """Return which of these a generation has, as documents or as taken out."""
    if not log_ids:
        return set()
    searcher = generation.searcher()
    query = tantivy.Query.term_set_query(generation.schema, "log_id", list(log_ids))
    found = searcher.search(query, limit=len(log_ids), count=False, order_by_field="log_id")
    return {log_id for log_id, _ in found.hits}

"""`IndexerConformance`: what every indexer must do. What queries mean, the corpus tells."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from asyncevents_core.domain.query.nodes import MatchAll, MatchNone, TermQuery
from asyncevents_core.errors import IndexUnavailable
from asyncevents_core.ports.indexer import COUNTED, AnyIndexerType, AttemptDocument, Indexer

_ALL = MatchAll()
_PATIENCE = 30.0


class IndexerConformance:
    """Override the fixtures `indexer_type` and `config`, an index that is empty."""

    @pytest.fixture
    def indexer_type(self) -> AnyIndexerType:
        """Override: the type under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `indexer_type`")

    @pytest.fixture
    def config(self) -> Any:
        """Override: the configuration of an empty index."""
        pytest.fail(f"{type(self).__name__} must override the fixture `config`")

    @pytest.fixture
    def indexer(self, indexer_type: AnyIndexerType, config: Any) -> Iterator[Indexer]:
        """The open index under test."""
        with indexer_type.open(config) as indexer:
            yield indexer

    def test_it_describes_itself(self, indexer_type: AnyIndexerType) -> None:
        assert indexer_type.name == indexer_type.name.strip().lower() != ""
        assert indexer_type.title

    def test_a_new_index_is_empty(self, indexer: Indexer) -> None:
        found = indexer.search(_ALL, limit=10)
        assert (list(found.log_ids), found.total, found.exact) == ([], 0, True)
        assert indexer.count() == 0
        assert not indexer.is_rebuilding()

    def test_what_is_written_is_found(self, indexer: Indexer) -> None:
        assert indexer.upsert([make_document(1, name="a"), make_document(2, name="b")]) == []
        assert _found(indexer, "b") == [2]
        assert indexer.count() == 2

    def test_writing_again_replaces(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(1, name="a"), make_document(2, name="a")])
        indexer.upsert([make_document(1, name="b")])
        assert _found(indexer, "a") == [2]
        assert _found(indexer, "b") == [1]
        assert indexer.count() == 2

    def test_the_last_of_equal_ids_counts(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(1, name="a"), make_document(1, name="b")])
        assert (_found(indexer, "a"), _found(indexer, "b")) == ([], [1])

    def test_what_is_deleted_is_gone(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(number) for number in (1, 2, 3)])
        indexer.delete([2, 99])
        assert list(indexer.search(_ALL, limit=10).log_ids) == [3, 1]
        indexer.delete([])
        assert indexer.count() == 2

    def test_nothing_to_write(self, indexer: Indexer) -> None:
        assert indexer.upsert([]) == []
        assert indexer.count() == 0

    def test_it_is_durable(
        self, indexer_type: AnyIndexerType, config: Any, indexer: Indexer
    ) -> None:
        indexer.upsert([make_document(1), make_document(2)])
        with indexer_type.open(config) as other:
            assert list(other.search(_ALL, limit=10).log_ids) == [2, 1]

    def test_another_one_sees_what_is_written_meanwhile(
        self, indexer_type: AnyIndexerType, config: Any, indexer: Indexer
    ) -> None:
        with indexer_type.open(config) as other:
            assert other.count() == 0
            indexer.upsert([make_document(1)])
            assert list(other.search(_ALL, limit=10).log_ids) == [1]
            indexer.delete([1])
            assert other.count() == 0

    def test_pages_reach_every_hit_once_newest_first(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(number) for number in range(1, 24)])
        seen: list[int] = []
        before: int | None = None
        while page := indexer.search(_ALL, limit=5, before=before).log_ids:
            seen += page
            before = page[-1]
        assert seen == list(range(23, 0, -1))

    def test_the_total_is_that_of_all_pages(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(number) for number in range(1, 8)])
        assert indexer.search(_ALL, limit=2, before=4).total == 7
        counted = indexer.search(_ALL, limit=0)
        assert (list(counted.log_ids), counted.total) == ([], 7)
        assert indexer.search(_ALL, limit=2, count=False).total is None
        assert indexer.search(MatchNone(), limit=2).total == 0

    def test_many_are_counted_up_to_a_limit(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(number) for number in range(1, COUNTED + 6)])
        found = indexer.search(_ALL, limit=1)
        assert (found.total, found.exact) == (COUNTED, False)
        indexer.delete(range(1, 6))
        found = indexer.search(_ALL, limit=1)
        assert (found.total, found.exact) == (COUNTED, True)

    def test_what_cannot_be_indexed_is_told_and_its_old_version_is_gone(
        self, indexer: Indexer
    ) -> None:
        indexer.upsert([make_document(1), make_document(2)])
        (rejected,) = indexer.upsert([make_document(3), evolve(make_document(1), body=b"not json")])
        assert rejected.log_id == 1
        assert rejected.reason
        assert list(indexer.search(_ALL, limit=10).log_ids) == [3, 2]

    def test_threads_may_search_while_one_writes(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(0)])
        failures: list[BaseException] = []
        done = threading.Event()

        def search() -> None:
            try:
                while not done.is_set():
                    assert 0 in indexer.search(_ALL, limit=100).log_ids
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(1, 10):
            indexer.upsert([make_document(number)])
        done.set()
        for thread in threads:
            thread.join(_PATIENCE)
        assert failures == []
        assert indexer.count() == 10

    # -- rebuilding -------------------------------------------------------------------------

    def test_a_rebuild_replaces_everything_at_once(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(1, name="old"), make_document(2, name="old")])
        rebuild = indexer.rebuild()
        assert rebuild.cursor is None
        assert rebuild.fill([make_document(1, name="new")], cursor=1) == []
        assert _found(indexer, "old") == [2, 1]
        assert indexer.is_rebuilding()
        rebuild.finish()
        assert (_found(indexer, "old"), _found(indexer, "new")) == ([], [1])
        assert not indexer.is_rebuilding()

    def test_what_is_written_meanwhile_is_newer_than_what_is_filled(self, indexer: Indexer) -> None:
        rebuild = indexer.rebuild()
        indexer.upsert([make_document(1, name="live")])
        assert _found(indexer, "live") == [1]
        rebuild.fill([make_document(1, name="filled"), make_document(2, name="filled")], cursor=2)
        rebuild.finish()
        assert (_found(indexer, "live"), _found(indexer, "filled")) == ([1], [2])

    def test_what_is_deleted_meanwhile_does_not_come_back(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(1), make_document(2)])
        rebuild = indexer.rebuild()
        indexer.delete([1])
        rebuild.fill([make_document(1), make_document(2)], cursor=2)
        rebuild.finish()
        assert list(indexer.search(_ALL, limit=10).log_ids) == [2]
        assert indexer.count() == 1

    def test_a_rebuild_is_taken_up_where_it_was(
        self, indexer_type: AnyIndexerType, config: Any, indexer: Indexer
    ) -> None:
        indexer.upsert([make_document(9)])
        indexer.rebuild().fill([make_document(1)], cursor=1)
        indexer.close()
        with indexer_type.open(config) as other:
            assert other.is_rebuilding()
            rebuild = other.rebuild()
            assert rebuild.cursor == 1
            rebuild.fill([make_document(1), make_document(2)], cursor=2)
            rebuild.finish()
            assert list(other.search(_ALL, limit=10).log_ids) == [2, 1]

    def test_a_rebuild_may_be_abandoned(self, indexer: Indexer) -> None:
        indexer.upsert([make_document(1)])
        rebuild = indexer.rebuild()
        rebuild.fill([make_document(2)], cursor=2)
        rebuild.abandon()
        assert list(indexer.search(_ALL, limit=10).log_ids) == [1]
        assert not indexer.is_rebuilding()
        assert indexer.rebuild().cursor is None

    def test_a_rebuild_tells_what_it_refuses(self, indexer: Indexer) -> None:
        (rejected,) = indexer.rebuild().fill([evolve(make_document(1), body=b"[]")], cursor=1)
        assert rejected.log_id == 1

    def test_a_rebuild_that_has_ended_takes_nothing(self, indexer: Indexer) -> None:
        rebuild = indexer.rebuild()
        rebuild.finish()
        with pytest.raises(IndexUnavailable):
            rebuild.fill([make_document(1)], cursor=1)


def make_document(log_id: int, *, name: str = "order.created") -> AttemptDocument:
    """Return a document for tests of an index."""
    return AttemptDocument(
        log_id=log_id,
        uuid=f"00000000-0000-7000-8000-{log_id:012}",
        event_name=name,
        success=True,
        created=1_700_000_000_000_000 + log_id,
        status="delivered",
        attempt=1,
        subscription_id=1,
        sink="http",
        tenant=None,
        recipient_url="https://example.com/",
        response="",
        body=json.dumps({"specversion": "1.0", "id": str(log_id), "data": {"n": log_id}}).encode(),
    )


def _found(indexer: Indexer, name: str) -> list[int]:
    return list(indexer.search(TermQuery(field="event_name", text=name), limit=100).log_ids)

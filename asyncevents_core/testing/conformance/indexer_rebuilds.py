"""A new generation of the index is filled while the old one serves."""

from __future__ import annotations

from asyncevents_core.ports.indexer import Indexer
from asyncevents_core.testing.conformance.indexer_base import (
    IndexerBase,
    Open,
    document,
    documents,
    hits,
    said,
)


class IndexerRebuilds(IndexerBase):
    """What `Rebuild` promises."""

    def test_searches_see_the_old_generation_until_it_is_finished(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1, 2, response="old"))
        rebuild = indexer.rebuild()
        assert indexer.is_rebuilding()
        assert [rebuild.cursor] == [None]
        rebuild.fill(documents(2, 3, response="new"), cursor=3)
        assert rebuild.cursor == 3
        assert hits(indexer) == [2, 1]
        assert hits(indexer, said("new")) == []
        rebuild.finish()
        assert not indexer.is_rebuilding()
        assert hits(indexer) == [3, 2]
        assert hits(indexer, said("old")) == []
        assert indexer.count() == 2

    def test_what_is_abandoned_leaves_the_old_generation(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1))
        rebuild = indexer.rebuild()
        rebuild.fill(documents(2), cursor=2)
        rebuild.abandon()
        assert not indexer.is_rebuilding()
        assert hits(indexer) == [1]
        indexer.upsert(documents(3))
        assert hits(indexer) == [3, 1]

    def test_one_begun_after_one_abandoned_starts_anew(self, indexer: Indexer) -> None:
        first = indexer.rebuild()
        first.fill(documents(1), cursor=1)
        first.abandon()
        second = indexer.rebuild()
        assert second.cursor is None
        second.fill(documents(2), cursor=2)
        second.finish()
        assert hits(indexer) == [2]

    def test_an_index_can_be_built_where_there_was_none(self, indexer: Indexer) -> None:
        rebuild = indexer.rebuild()
        rebuild.fill(documents(1, 2), cursor=2)
        rebuild.finish()
        assert hits(indexer) == [2, 1]

    def test_what_is_written_meanwhile_is_in_both(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1))
        rebuild = indexer.rebuild()
        indexer.upsert(documents(5))
        assert hits(indexer) == [5, 1]
        rebuild.fill(documents(1), cursor=1)
        indexer.upsert(documents(6))
        rebuild.finish()
        assert hits(indexer) == [6, 5, 1]

    def test_what_is_written_meanwhile_is_newer_than_what_fills(self, indexer: Indexer) -> None:
        rebuild = indexer.rebuild()
        indexer.upsert(documents(1, 2, response="newer"))
        rebuild.fill(documents(1, 2, 3, response="older"), cursor=3)
        indexer.upsert(documents(3, response="newer"))
        rebuild.finish()
        assert hits(indexer, said("newer")) == [3, 2, 1]
        assert hits(indexer, said("older")) == []
        assert indexer.count() == 3

    def test_what_is_deleted_meanwhile_does_not_come_back(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1, 2, 3))
        rebuild = indexer.rebuild()
        indexer.delete([1])
        rebuild.fill(documents(1, 2, 3), cursor=3)
        indexer.delete([2])
        rebuild.fill(documents(1, 2, 3), cursor=3)
        assert hits(indexer) == [3]
        rebuild.finish()
        assert hits(indexer) == [3]
        assert indexer.count() == 1

    def test_what_was_deleted_meanwhile_can_be_written_again(self, indexer: Indexer) -> None:
        rebuild = indexer.rebuild()
        indexer.delete([1, 2])
        indexer.upsert(documents(1))
        rebuild.finish()
        assert hits(indexer) == [1]
        indexer.upsert(documents(2))
        assert hits(indexer) == [2, 1]
        assert indexer.count() == 2

    def test_filling_twice_changes_nothing(self, indexer: Indexer) -> None:
        rebuild = indexer.rebuild()
        for _ in range(3):
            rebuild.fill(documents(1, 2), cursor=2)
        rebuild.finish()
        assert hits(indexer) == [2, 1]
        assert indexer.count() == 2

    def test_documents_that_cannot_be_read_are_refused(self, indexer: Indexer) -> None:
        rebuild = indexer.rebuild()
        refused = rebuild.fill([document(1), document(2, body=b"{"), document(3)], cursor=3)
        assert [one.log_id for one in refused] == [2]
        rebuild.finish()
        assert hits(indexer) == [3, 1]

    def test_it_is_taken_up_where_it_was(self, open_index: Open, shared: bool) -> None:
        before = open_index()
        before.upsert(documents(1, 2, 3, 4))
        before.rebuild().fill(documents(1, 2), cursor=2)
        before.delete([3])
        if shared:
            before.close()
        after = open_index()
        assert after.is_rebuilding()
        rebuild = after.rebuild()
        assert rebuild.cursor == 2
        rebuild.fill(documents(3, 4), cursor=4)
        rebuild.finish()
        assert hits(after) == [4, 2, 1]

    def test_a_second_open_index_sees_it_and_the_switch(self, open_index: Open) -> None:
        writer, reader = open_index(), open_index()
        writer.upsert(documents(1))
        rebuild = writer.rebuild()
        assert reader.is_rebuilding()
        rebuild.fill(documents(2), cursor=2)
        assert hits(reader) == [1]
        rebuild.finish()
        assert not reader.is_rebuilding()
        assert hits(reader) == [2]
        for number in range(3, 6):
            again = writer.rebuild()
            again.fill(documents(number), cursor=number)
            again.finish()
            assert hits(reader) == [number]

"""Indexers: with one mistake each, and some that are only unusual."""

from __future__ import annotations

import functools
import time

import pytest

from asyncevents_core.domain.query.nodes import MatchAll
from asyncevents_core.errors import SearchTimeout
from asyncevents_core.ports.indexer import Found
from asyncevents_core.testing import IndexerConformance, MemoryIndexerType
from asyncevents_core.testing.indexer import MemoryIndexer


class Suite(IndexerConformance):
    """The indexer in memory, of which a subclass changes one method."""

    noticed_by = ""
    indexer_class = MemoryIndexer
    alone = False

    @pytest.fixture
    def indexer_type(self):
        suite = self

        class Kind(MemoryIndexerType):
            def open(self, config):
                kind = MemoryIndexerType() if suite.alone else self
                return suite.indexer_class(kind._store)

        return Kind()

    @pytest.fixture
    def shared(self):
        return False


def pages(search):
    """Return a search whose page and count `search` changes."""

    def changed(self, query, *, limit, before=None, timeout=10.0, count=True):
        found = functools.partial(MemoryIndexer.search, self, query, timeout=timeout)
        return search(found, limit=limit, before=before, count=count)

    return changed


class TestIndexerAsItIs(Suite):
    pass


class TestIndexerThatDoesNotCountByTime(Suite):
    class indexer_class(MemoryIndexer):
        def histogram(self, query, buckets, *, timeout=10.0):
            return None


class TestIndexerThatAppends(Suite):
    """What was there already stays as it was."""

    noticed_by = "test_writing_again_replaces"

    class indexer_class(MemoryIndexer):
        def upsert(self, documents):
            known = set(self._documents())
            return super().upsert([one for one in documents if one.log_id not in known])


class TestIndexerThatTakesTheFirst(Suite):
    noticed_by = "test_the_last_of_equal_ids_counts"

    class indexer_class(MemoryIndexer):
        def upsert(self, documents):
            return super().upsert(documents[::-1])


class TestIndexerThatKeepsWhatIsDeleted(Suite):
    noticed_by = "test_what_is_deleted_is_gone"

    class indexer_class(MemoryIndexer):
        def delete(self, log_ids):
            pass


class TestIndexerThatDeletesForGood(Suite):
    noticed_by = "test_what_was_deleted_can_come_again"

    class indexer_class(MemoryIndexer):
        gone: frozenset = frozenset()

        def delete(self, log_ids):
            self.gone = self.gone | set(log_ids)
            super().delete(log_ids)

        def upsert(self, documents):
            return super().upsert([one for one in documents if one.log_id not in self.gone])


class TestIndexerThatBeginsWithTheOldest(Suite):
    noticed_by = "test_the_newest_come_first_whatever_the_order_of_writing"

    class indexer_class(MemoryIndexer):
        @pages
        def search(found, *, limit, before, count):
            page = found(limit=1_000, before=before, count=count)
            return Found(log_ids=page.log_ids[::-1][:limit], total=page.total, exact=page.exact)


class TestIndexerWithOnePage(Suite):
    noticed_by = "test_pages_stay_in_step_while_documents_come_and_go"

    class indexer_class(MemoryIndexer):
        @pages
        def search(found, *, limit, before, count):
            return found(limit=limit, count=count)


class TestIndexerThatRepeatsTheLast(Suite):
    noticed_by = "test_pages_stay_in_step_while_documents_come_and_go"

    class indexer_class(MemoryIndexer):
        @pages
        def search(found, *, limit, before, count):
            return found(limit=limit, before=before and before + 1, count=count)


class TestIndexerThatCountsThePage(Suite):
    noticed_by = "test_counting_can_be_all_that_is_asked_and_can_be_saved"

    class indexer_class(MemoryIndexer):
        @pages
        def search(found, *, limit, before, count):
            page = found(limit=limit, before=before, count=False)
            return Found(log_ids=page.log_ids, total=len(page.log_ids) if count else None)


class TestIndexerThatRefusesAllForOne(Suite):
    noticed_by = "test_documents_that_cannot_be_read_are_refused_and_the_others_written"

    class indexer_class(MemoryIndexer):
        def upsert(self, documents):
            refused = super().upsert(documents)
            if refused:
                self.delete([one.log_id for one in documents])
            return refused


class TestIndexerThatSaysNothingOfRefusals(Suite):
    noticed_by = "test_documents_that_cannot_be_read_are_refused_and_the_others_written"

    class indexer_class(MemoryIndexer):
        def upsert(self, documents):
            super().upsert(documents)
            return []


class TestIndexerThatKeepsTheOldOfARefused(Suite):
    noticed_by = "test_the_older_version_of_a_refused_document_is_gone"

    class indexer_class(MemoryIndexer):
        def upsert(self, documents):
            before = dict(self._store.serving)
            refused = super().upsert(documents)
            for one in refused:
                if one.log_id in before:
                    self._store.serving[one.log_id] = before[one.log_id]
            return refused


class TestIndexerForItself(Suite):
    noticed_by = "test_a_second_open_index_sees_what_is_written"
    alone = True


class TestIndexerWithoutATimeLimit(Suite):
    noticed_by = "test_a_search_out_of_time_says_so_and_the_next_one_works"

    class indexer_class(MemoryIndexer):
        def search(self, query, *, limit, before=None, timeout=10.0, count=True):
            return super().search(query, limit=limit, before=before, count=count)


class TestIndexerThatReturnsNothingInTime(Suite):
    noticed_by = "test_a_search_out_of_time_says_so_and_the_next_one_works"

    class indexer_class(MemoryIndexer):
        def search(self, query, **wanted):
            try:
                return super().search(query, **wanted)
            except SearchTimeout:
                return Found(log_ids=[], total=0, exact=True)


class TestIndexerThatEmptiesWhileItWrites(Suite):
    noticed_by = "test_searches_are_consistent_while_another_writes"

    class indexer_class(MemoryIndexer):
        def upsert(self, documents):
            self.delete([one.log_id for one in documents])
            time.sleep(0.002)
            return super().upsert(documents)


class TestIndexerThatIgnoresTheQuery(Suite):
    noticed_by = "test_writing_again_replaces"

    class indexer_class(MemoryIndexer):
        def search(self, query, **wanted):
            return super().search(MatchAll(), **wanted)


class TestIndexerThatCountsAllInAnyTime(Suite):
    noticed_by = "test_hits_are_counted_by_time_by_indexers_that_can"

    class indexer_class(MemoryIndexer):
        def histogram(self, query, buckets, *, timeout=10.0):
            return super().histogram(MatchAll(), buckets, timeout=timeout)


class TestIndexerThatRebuildsInPlace(Suite):
    noticed_by = "test_searches_see_the_old_generation_until_it_is_finished"

    class indexer_class(MemoryIndexer):
        def rebuild(self):
            rebuild = super().rebuild()
            self._store.serving.clear()
            return rebuild


class TestIndexerThatForgetsItsCursor(Suite):
    noticed_by = "test_it_is_taken_up_where_it_was"

    class indexer_class(MemoryIndexer):
        def rebuild(self):
            self._store.cursor = None
            return super().rebuild()


class TestIndexerThatDropsWhatComesMeanwhile(Suite):
    noticed_by = "test_what_is_written_meanwhile_is_in_both"

    class indexer_class(MemoryIndexer):
        def upsert(self, documents):
            following, self._store.following = self._store.following, None
            try:
                return super().upsert(documents)
            finally:
                self._store.following = following


class TestIndexerThatResurrects(Suite):
    noticed_by = "test_what_is_deleted_meanwhile_does_not_come_back"

    class indexer_class(MemoryIndexer):
        def delete(self, log_ids):
            super().delete(log_ids)
            for one in log_ids:
                if self._store.following is not None:
                    self._store.following.pop(one, None)

"""Documents come, change and go; searches find them, page by page."""

from __future__ import annotations

import threading

import pytest

from asyncevents_core.domain.histogram import Buckets
from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
    Bound,
    ExactQuery,
    ExistsQuery,
    FuzzyQuery,
    MatchAll,
    MatchNone,
    Pattern,
    PhraseQuery,
    Query,
    RangeQuery,
    RegexQuery,
    TermQuery,
    Wild,
    WildcardQuery,
)
from asyncevents_core.errors import SearchTimeout
from asyncevents_core.ports.indexer import COUNTED, AnyIndexerType, Indexer
from asyncevents_core.testing.conformance.indexer_base import (
    PATIENCE,
    SECOND,
    IndexerBase,
    Open,
    document,
    documents,
    hits,
    said,
)
from asyncevents_core.testing.conformance.needing import left_out

_SHOP = {
    "order": {"id": "CK-1001", "total": 99.5, "paid": True, "placed": "2026-11-23T10:00:00Z"},
    "items": [{"sku": "A-1", "name": "Blue Kettle"}, {"sku": "B-2", "name": "Red Toaster"}],
}
_ORDER = "data.data.order"
_NAME = "data.data.items.name"


class IndexerDocuments(IndexerBase):
    """What `upsert`, `delete`, `search` and `count` promise."""

    def test_the_type_describes_itself(self, indexer_type: AnyIndexerType) -> None:
        assert indexer_type.name
        assert indexer_type.title

    def test_an_index_that_was_never_written_is_empty(self, indexer: Indexer) -> None:
        found = indexer.search(MatchAll(), limit=10)
        assert (list(found.log_ids), found.total, found.exact) == ([], 0, True)
        assert indexer.count() == 0
        assert not indexer.is_rebuilding()

    def test_hits_are_counted_by_time_by_indexers_that_can(self, indexer: Indexer) -> None:
        begin = document(0).started_at
        buckets = Buckets(since=begin + 2 * SECOND, until=begin + 8 * SECOND, width=2 * SECOND)

        if indexer.histogram(MatchAll(), buckets) is None:
            left_out("the indexer does not count by time")
        assert list(indexer.histogram(MatchAll(), buckets) or ()) == [0, 0, 0]
        indexer.upsert([*documents(1, 2, 4, 5, 7, 8), *documents(3, response="other")])
        indexer.delete([5])

        assert list(indexer.histogram(MatchAll(), buckets) or ()) == [2, 1, 1]
        assert list(indexer.histogram(said("other"), buckets) or ()) == [1, 0, 0]
        with pytest.raises(SearchTimeout):
            indexer.histogram(MatchAll(), buckets, timeout=0.0)

    def test_what_is_written_is_found(self, indexer: Indexer) -> None:
        assert list(indexer.upsert(documents(1, 2, 3))) == []
        assert hits(indexer) == [3, 2, 1]
        assert indexer.count() == 3

    def test_writing_again_replaces(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1, 2, response="before"))
        indexer.upsert(documents(2, response="after"))
        assert hits(indexer, said("before")) == [1]
        assert hits(indexer, said("after")) == [2]
        assert indexer.count() == 2

    def test_the_last_of_equal_ids_counts(self, indexer: Indexer) -> None:
        indexer.upsert([document(1, response="first"), document(1, response="last")])
        assert indexer.count() == 1
        assert hits(indexer, said("last")) == [1]

    def test_writing_nothing_is_allowed(self, indexer: Indexer) -> None:
        assert list(indexer.upsert([])) == []
        indexer.delete([])
        assert indexer.count() == 0

    def test_what_is_deleted_is_gone(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1, 2, 3))
        indexer.delete([2, 99])
        assert hits(indexer) == [3, 1]
        assert indexer.count() == 2

    def test_what_was_deleted_can_come_again(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1))
        indexer.delete([1])
        indexer.upsert(documents(1))
        assert hits(indexer) == [1]

    def test_the_newest_come_first_whatever_the_order_of_writing(self, indexer: Indexer) -> None:
        indexer.upsert(documents(5, 1))
        indexer.upsert(documents(9, 3))
        indexer.upsert(documents(7))
        assert hits(indexer, limit=3) == [9, 7, 5]

    def test_pages_reach_every_hit_once(self, indexer: Indexer) -> None:
        for start in range(1, 60, 10):
            indexer.upsert(documents(*range(start, start + 10)))
        even = TermQuery(field="success", text="true")
        reached: list[int] = []
        before = None
        while True:
            page = indexer.search(even, limit=7, before=before, timeout=PATIENCE)
            assert (page.total, page.exact) == (30, True)
            if not page.log_ids:
                break
            reached += page.log_ids
            before = page.log_ids[-1]
        assert reached == list(range(60, 0, -2))

    def test_pages_stay_in_step_while_documents_come_and_go(self, indexer: Indexer) -> None:
        indexer.upsert(documents(*range(1, 11)))
        first = indexer.search(MatchAll(), limit=4).log_ids
        indexer.upsert(documents(11, 12))
        indexer.delete([6])
        second = indexer.search(MatchAll(), limit=4, before=first[-1]).log_ids
        assert list(second) == [5, 4, 3, 2]

    def test_counting_can_be_all_that_is_asked_and_can_be_saved(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1, 2, 3))
        only = indexer.search(MatchAll(), limit=0)
        assert (list(only.log_ids), only.total) == ([], 3)
        saved = indexer.search(MatchAll(), limit=2, count=False)
        assert (list(saved.log_ids), saved.total) == ([3, 2], None)

    def test_counts_are_exact_up_to_a_limit_and_more_beyond(self, indexer: Indexer) -> None:
        body = document(1).body
        for start in range(1, COUNTED, 2000):
            indexer.upsert([document(one, body=body) for one in range(start, start + 2000)])
        exact = indexer.search(MatchAll(), limit=1, timeout=PATIENCE)
        assert (exact.total, exact.exact) == (COUNTED, True)
        indexer.upsert([document(COUNTED + 1, body=body)])
        for before in (None, 5):
            more = indexer.search(MatchAll(), limit=1, before=before, timeout=PATIENCE)
            assert (more.total, more.exact) == (COUNTED, False)
        assert indexer.count() == COUNTED + 1

    def test_documents_that_cannot_be_read_are_refused_and_the_others_written(
        self, indexer: Indexer
    ) -> None:
        bad = [document(2, body=b"{"), document(4, body=b"[]"), document(5, body=b'{"a":"\xff"}')]
        refused = indexer.upsert([document(1), bad[0], document(3), *bad[1:]])
        assert sorted(one.log_id for one in refused) == [2, 4, 5]
        assert all(one.reason and "\n" not in one.reason for one in refused)
        assert hits(indexer) == [3, 1]

    def test_the_older_version_of_a_refused_document_is_gone(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1, 2))
        assert [one.log_id for one in indexer.upsert([document(2, body=b"no")])] == [2]
        assert hits(indexer) == [1]

    def test_awkward_documents_are_written(self, indexer: Indexer) -> None:
        deep: object = "bottom"
        for _ in range(200):
            deep = {"a": [deep]}
        awkward: list[object] = [
            {},
            [],
            None,
            "text",
            {"": {"": ""}},
            {"with space.and.dot": "x", "tab\there": 1, "\u0000": "\u0000"},
            {"half": "\ud800", "\udfff": 1},
            {"long": "word " * 20_000, "longer": "x" * 40_000},
            {"number": 10**30, "float": 1e300, "tiny": -1e-300, "text": "1e99999"},
            {f"key{number}": number for number in range(3000)},
            {"type": "text"},
            {"type": {"of": "object"}},
            {"type": 7},
            {"deep": deep},
        ]
        refused = indexer.upsert([document(1 + n, data=one) for n, one in enumerate(awkward)])
        assert [(one.log_id, one.reason) for one in refused] == []
        assert indexer.count() == len(awkward)

    def test_a_second_open_index_sees_what_is_written(self, open_index: Open) -> None:
        writer, reader = open_index(), open_index()
        assert hits(reader) == []
        writer.upsert(documents(1, 2))
        assert hits(reader) == [2, 1]
        writer.delete([1])
        assert hits(reader) == [2]

    def test_searches_are_consistent_while_another_writes(self, open_index: Open) -> None:
        writer, reader = open_index(), open_index()
        writer.upsert(documents(*range(1, 11), response="0"))
        failures: list[BaseException] = []

        def write() -> None:
            try:
                for version in range(1, 21):
                    writer.upsert(documents(*range(1, 11), response=str(version)))
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        while thread.is_alive():
            assert hits(reader) == list(range(10, 0, -1))
        thread.join(PATIENCE)
        assert failures == []
        assert hits(reader, said("20")) == list(range(10, 0, -1))

    def test_several_threads_search_at_once(self, indexer: Indexer) -> None:
        indexer.upsert(documents(*range(1, 51)))
        results: list[object] = []

        def search() -> None:
            for _ in range(10):
                results.append(hits(indexer, TermQuery(field="success", text="true")))

        threads = [threading.Thread(target=search) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert results == [list(range(50, 0, -2))] * 60

    def test_a_search_out_of_time_says_so_and_the_next_one_works(self, indexer: Indexer) -> None:
        indexer.upsert(documents(1, 2))
        for _ in range(10):
            with pytest.raises(SearchTimeout):
                indexer.search(MatchAll(), limit=10, timeout=0.0)
        assert hits(indexer) == [2, 1]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (MatchNone(), False),
            (TermQuery(field=None, text="CK-1001"), True),
            (TermQuery(field=None, text="kettle"), True),
            (TermQuery(field=None, text="elsewhere"), False),
            (TermQuery(field=f"{_ORDER}.total", text="99.50"), True),
            (TermQuery(field=f"{_ORDER}.paid", text="true"), True),
            (TermQuery(field=f"{_ORDER}.placed", text="2026-11-23"), True),
            (TermQuery(field="data.data.items.sku", text="B-2"), True),
            (TermQuery(field=Pattern(("data.data.", Wild.ANY)), text="B-2"), True),
            (TermQuery(field="data.data.items.name", text="B-2"), False),
            (TermQuery(field="subscription_id", text="7"), True),
            (PhraseQuery(field=_NAME, text="blue kettle"), True),
            (PhraseQuery(field=_NAME, text="kettle red"), False),
            (PhraseQuery(field=_NAME, text="kettle red", slop=50), False),
            (PhraseQuery(field=_NAME, text="kettle blue", slop=2), True),
            (WildcardQuery(field=f"{_ORDER}.id", pattern=Pattern(("CK", Wild.ANY))), True),
            (WildcardQuery(field=None, pattern=Pattern((Wild.ANY, "oas", Wild.ANY))), True),
            (WildcardQuery(field=f"{_ORDER}.id", pattern=Pattern(("cK", Wild.ANY))), True),
            (WildcardQuery(field=_NAME, pattern=Pattern(("KETTLE", Wild.ANY))), True),
            (RegexQuery(field="data.data.items.sku", text="[AB]-[0-9]"), True),
            (RegexQuery(field="data.data.items.sku", text="[ab]-[0-9]"), True),
            (ExactQuery(field="event_name", text="example.created"), True),
            (ExactQuery(field="event_name", text="Example.Created"), False),
            (ExactQuery(field="event_name", text="created"), False),
            (FuzzyQuery(field=_NAME, word="ketle", distance=1), True),
            (FuzzyQuery(field=Pattern(("data.", Wild.ANY)), word="ketle", distance=1), True),
            (FuzzyQuery(field=Pattern(("data.", Wild.ANY)), word="ktel", distance=1), False),
            (FuzzyQuery(field=None, word="ktel", distance=1), False),
            (ExistsQuery(field="data.data.items"), True),
            (ExistsQuery(field="data.data.customer"), False),
            (
                RangeQuery(
                    field=f"{_ORDER}.total",
                    lower=Bound(text="9.9", inclusive=True),
                    upper=Bound(text="99.5", inclusive=False),
                ),
                False,
            ),
            (
                RangeQuery(
                    field=f"{_ORDER}.total", lower=Bound(text="9.9", inclusive=True), upper=None
                ),
                True,
            ),
            (
                RangeQuery(
                    field="started_at",
                    lower=None,
                    upper=Bound(text="2027-01-01", inclusive=False),
                ),
                True,
            ),
            (TermQuery(field="outcome", text="retryable"), True),
            (TermQuery(field="fate", text="retrying"), True),
            (PhraseQuery(field="detail", text="connection refused"), True),
            (WildcardQuery(field="detail", pattern=Pattern(("network", Wild.ANY))), True),
            (TermQuery(field="detail", text="HTTP"), False),
            (TermQuery(field=None, text="refused"), False),
            (TermQuery(field="duration", text="0.0123456789"), True),
            (TermQuery(field="duration", text="0.0123"), False),
            (BooleanQuery(must_not=(TermQuery(field=None, text="kettle"),)), False),
            (BooleanQuery(should=(MatchNone(), TermQuery(field=None, text="kettle"))), True),
        ],
        ids=str,
    )
    def test_queries_find_it(self, indexer: Indexer, query: Query, found: bool) -> None:
        made = document(1, data=_SHOP, detail="network: Connection refused", duration=0.0123456789)
        indexer.upsert([made])
        assert hits(indexer, query) == [1] * found

    def test_numbers_of_an_attempt_that_not_all_have(self, indexer: Indexer) -> None:
        answers = {1: None, 2: 200, 3: 499, 4: 500, 5: 599, 6: 600, 7: -1}
        payload = {"http_status": 550, "duration": 7}
        indexer.upsert(
            [
                document(one, http_status=status, duration=one / 4, data=payload)
                for one, status in answers.items()
            ]
        )
        for field, lower, upper, expected in (
            ("http_status", "500", "599", [5, 4]),
            ("http_status", "-5", None, [7, 6, 5, 4, 3, 2]),
            ("http_status", None, "499", [7, 3, 2]),
            ("duration", "0.5", "0.75", [3, 2]),
            ("duration", None, "1e30", [7, 6, 5, 4, 3, 2, 1]),
            ("duration", "-1e30", "0.25", [1]),
            ("data.data.http_status", "500", "599", [7, 6, 5, 4, 3, 2, 1]),
        ):
            query = RangeQuery(
                field=field,
                lower=None if lower is None else Bound(text=lower, inclusive=True),
                upper=None if upper is None else Bound(text=upper, inclusive=True),
            )
            assert hits(indexer, query) == expected, query
        above = RangeQuery(field="duration", lower=Bound(text="1.5", inclusive=False), upper=None)
        assert hits(indexer, above) == [7]
        assert hits(indexer, TermQuery(field="http_status", text="550")) == []
        has_one = ExistsQuery(field="http_status")
        assert hits(indexer, has_one) == [7, 6, 5, 4, 3, 2]
        assert hits(indexer, BooleanQuery(must_not=(has_one,))) == [1]
        assert hits(indexer, ExistsQuery(field=Pattern(("http", Wild.ANY)))) == [7, 6, 5, 4, 3, 2]
        assert hits(indexer, ExistsQuery(field="duration")) == [7, 6, 5, 4, 3, 2, 1]

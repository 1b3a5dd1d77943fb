"""The suite that core ships, on the indexer of this distribution; and what is its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.errors import IndexUnavailable, SearchTimeout
from asyncevents_core.testing import IndexerConformance, MemoryIndexerType
from asyncevents_sqlite_indexer.plugin import SqliteConfig, SqliteIndexerType
from tests.search.documents import DOCUMENTS
from tests.search.engines import filled, hits


class TestSqliteIndexer(IndexerConformance):
    @pytest.fixture
    def indexer_type(self):
        return SqliteIndexerType()

    @pytest.fixture
    def config(self, tmp_path):
        return SqliteConfig(path=str(tmp_path / "index.db"), busy=60.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "index.db"


@pytest.fixture
def indexer(path):
    return SqliteIndexerType().open(SqliteConfig(path=str(path), busy=0.0))


@pytest.fixture
def elsewhere(indexer, path):
    """Return the file, filled, as another program opens it."""
    indexer.upsert(DOCUMENTS)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_opening_and_searching_make_no_file(indexer, path):
    assert hits(indexer, "*:*") == set()
    assert not path.exists()


def test_a_file_of_another_layout_says_what_to_do(indexer, elsewhere):
    elsewhere.execute("PRAGMA user_version = 99")
    for use in (indexer.count, indexer.rebuild):
        with pytest.raises(IndexUnavailable, match="Remove the file and run `asyncevents reindex`"):
            use()


def test_what_is_no_index_is_unavailable(indexer, path):
    path.write_text("something else, longer than the header of a file of SQLite" * 10)
    with pytest.raises(IndexUnavailable, match=r"index\.db: file is not a database"):
        indexer.upsert(DOCUMENTS)


def test_one_writes_at_a_time_and_all_search(indexer, elsewhere):
    elsewhere.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexUnavailable, match="database is locked"):
        indexer.delete([1])
    assert indexer.count() == len(DOCUMENTS)
    elsewhere.execute("ROLLBACK")
    indexer.delete([1])
    assert indexer.count() == len(DOCUMENTS) - 1


def test_a_search_is_given_up_when_its_time_is_over(indexer):
    indexer.upsert(DOCUMENTS)
    with pytest.raises(SearchTimeout):
        indexer.search(parse_query("*a*b*"), limit=1, timeout=1e-9)
    assert hits(indexer, "*a*b*")


def test_a_rebuild_leaves_no_term_that_nothing_has(indexer, elsewhere):
    rebuild = indexer.rebuild()
    rebuild.fill(DOCUMENTS[:1], cursor=1)
    rebuild.finish()
    (unused,) = elsewhere.execute(
        "SELECT count(*) FROM terms WHERE id NOT IN (SELECT term FROM postings)"
    ).fetchone()
    (used,) = elsewhere.execute("SELECT count(DISTINCT term) FROM postings").fetchone()
    assert unused == 0
    assert used > 0


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(f"word{number}" for number in range(900)) + " OR kettle",
        "(a OR -(b AND -" * 10 + "kettle" + "))" * 10,
        "(a AND NOT (b OR " * 10 + "kettle" + "))" * 10,
    ],
    ids=["long", "deep", "deep and without"],
)
def test_queries_may_be_as_long_and_as_deep_as_the_syntax_allows(indexer, text):
    indexer.upsert(DOCUMENTS)
    reference = MemoryIndexerType().open(MemoryIndexerType.config_class())
    assert hits(indexer, text) == hits(filled(reference, DOCUMENTS), text)

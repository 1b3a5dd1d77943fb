"""Every query of core's own tests, and what it finds."""

from __future__ import annotations

import pytest

from asyncevents_sqlite_indexer.plugin import SqliteConfig, SqliteIndexerType
from tests.search.documents import DOCUMENTS
from tests.search.engines import filled, hits
from tests.search.queries import QUERIES


@pytest.fixture(scope="module")
def indexer(tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "index.db"
    with SqliteIndexerType().open(SqliteConfig(path=str(path))) as opened:
        yield filled(opened, DOCUMENTS)


@pytest.mark.parametrize("query", QUERIES, ids=ascii)
def test_it_finds(indexer, query):
    assert hits(indexer, query) == QUERIES[query]

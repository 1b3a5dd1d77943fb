"""The suite that core ships, on the indexer of this distribution; and what is its own."""

from __future__ import annotations

import sqlite3

import pytest

from asyncevents_core import IndexUnavailable
from asyncevents_core.testing import IndexerConformance
from asyncevents_sqlite_indexer.plugin import SqliteConfig, SqliteIndexerType


class TestSqliteIndexer(IndexerConformance):
    @pytest.fixture
    def indexer_type(self):
        return SqliteIndexerType()

    @pytest.fixture
    def config(self, tmp_path):
        return SqliteConfig(path=str(tmp_path / "index.db"), busy=60.0)

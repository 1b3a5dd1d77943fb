"""Indexers: the suite that ships, and what only a folder on a disk can go through."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from asyncevents_core.adapters.tantivy.kind import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.domain.query.nodes import MatchAll
from asyncevents_core.errors import IndexUnavailable
from asyncevents_core.testing.conformance.indexer import IndexerConformance, make_document
from asyncevents_core.testing.indexer import MemoryIndexerConfig, MemoryIndexerType


class TestMemoryIndexer(IndexerConformance):
    @pytest.fixture
    def indexer_type(self):
        return MemoryIndexerType()

    @pytest.fixture
    def config(self):
        return MemoryIndexerConfig()


class TestEmbeddedIndexer(IndexerConformance):
    @pytest.fixture
    def indexer_type(self):
        return EmbeddedIndexerType()

    @pytest.fixture
    def config(self, tmp_path):
        return EmbeddedConfig(path=str(tmp_path / "index"), memory_mb=16)


WRITER = """
import json, sys
from asyncevents_core.adapters.tantivy.kind import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.testing.conformance.indexer import make_document

indexer = EmbeddedIndexerType().open(EmbeddedConfig(path=sys.argv[1], memory_mb=16))
for batch in range(10_000):
    indexer.upsert([make_document(batch * 20 + number) for number in range(20)])
    print(batch, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_it_has_told(tmp_path):
    path = str(tmp_path / "index")
    told = -1
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True
        )
        lines = [process.stdout.readline() for _ in range(3)]
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        told = max(told, *(int(line) for line in lines if line.strip()))
        with EmbeddedIndexerType().open(EmbeddedConfig(path=path, memory_mb=16)) as indexer:
            found = indexer.search(MatchAll(), limit=100_000).log_ids
            assert set(range((told + 1) * 20)) <= set(found)
            assert len(found) == len(set(found)) == indexer.count()
            assert len(found) % 20 == 0


def test_two_processes_cannot_write(tmp_path):
    config = EmbeddedConfig(path=str(tmp_path / "index"), memory_mb=16)
    with EmbeddedIndexerType().open(config) as one, EmbeddedIndexerType().open(config) as other:
        one.upsert([make_document(1)])
        with pytest.raises(IndexUnavailable, match="One process at a time writes"):
            other.upsert([make_document(2)])
        assert other.count() == 1

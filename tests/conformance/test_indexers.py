"""Every indexer passes one suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncevents_core.adapters.tantivy import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.testing import IndexerConformance, MemoryIndexerType


class TestMemoryIndexer(IndexerConformance):
    @pytest.fixture
    def indexer_type(self) -> MemoryIndexerType:
        return MemoryIndexerType()

    @pytest.fixture
    def shared(self) -> bool:
        return False


class TestEmbeddedIndexer(IndexerConformance):
    @pytest.fixture
    def indexer_type(self) -> EmbeddedIndexerType:
        return EmbeddedIndexerType()

    @pytest.fixture
    def config(self, tmp_path: Path) -> EmbeddedConfig:
        return EmbeddedConfig(path=str(tmp_path / "index"), memory_mb=16)

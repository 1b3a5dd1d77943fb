"""Every indexer passes one suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncevents_core.adapters.elasticsearch import (
    ElasticsearchConfig,
    ElasticsearchIndexerType,
)
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


class TestElasticsearchIndexer(IndexerConformance):
    @pytest.fixture
    def indexer_type(self) -> ElasticsearchIndexerType:
        return ElasticsearchIndexerType()

    @pytest.fixture
    def config(self, elasticsearch) -> Iterator[ElasticsearchConfig]:
        prefix = elasticsearch.new_prefix()
        yield ElasticsearchConfig(urls=[elasticsearch.url], index=prefix, replicas=0)
        elasticsearch.forget(prefix)

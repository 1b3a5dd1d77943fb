"""The engines that answer the same queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from asyncevents_core.adapters.elasticsearch import (
    ElasticsearchConfig,
    ElasticsearchIndexerType,
)
from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.adapters.tantivy import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.ports.indexer import AttemptDocument, Indexer
from asyncevents_core.testing import MemoryIndexerType
from asyncevents_core.testing.indexer import MemoryIndexConfig
from tests.search.documents import NOW

PATIENCE: Final = 60.0


@frozen(kw_only=True)
class Place:
    """Where an index can be made: a new folder, a node with a name that is free."""

    folder: Path
    node: Callable[[], ElasticsearchConfig]


def memory(_: Place) -> Indexer:
    return MemoryIndexerType().open(MemoryIndexConfig())


def embedded(place: Place) -> Indexer:
    config = EmbeddedConfig(path=str(place.folder), memory_mb=16)
    return EmbeddedIndexerType().open(config)


def elasticsearch(place: Place) -> Indexer:
    return ElasticsearchIndexerType().open(place.node())


ENGINES: Final[Mapping[str, Callable[[Place], Indexer]]] = {
    "memory": memory,
    "embedded": embedded,
    "elasticsearch": elasticsearch,
}


def filled(indexer: Indexer, documents: Sequence[AttemptDocument]) -> Indexer:
    assert list(indexer.upsert(documents)) == []
    return indexer


def hits(indexer: Indexer, text: str) -> set[int]:
    """Return what a query text finds."""
    query = parse_query(text, now=NOW)
    found = indexer.search(query, limit=1000, timeout=PATIENCE)
    assert found.total == len(found.log_ids)
    return set(found.log_ids)

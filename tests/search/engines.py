"""The engines that answer the same queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.adapters.tantivy import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.ports.indexer import AttemptDocument, Indexer
from asyncevents_core.testing import MemoryIndexerType
from asyncevents_core.testing.indexer import MemoryIndexConfig
from tests.search.documents import NOW

PATIENCE: Final = 60.0


def memory(_: Path) -> Indexer:
    return MemoryIndexerType().open(MemoryIndexConfig())


def embedded(folder: Path) -> Indexer:
    return EmbeddedIndexerType().open(EmbeddedConfig(path=str(folder), memory_mb=16))


ENGINES: Final[Mapping[str, Callable[[Path], Indexer]]] = {
    "memory": memory,
    "embedded": embedded,
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

"""The indexer `sqlite`: attempts are searchable in one file, by Python's own `sqlite3`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen, validators

from asyncevents_core.plugin import Indexer, IndexerType, hookimpl
from asyncevents_sqlite_indexer.database import Database
from asyncevents_sqlite_indexer.indexer import SqliteIndexer

ASYNCEVENTS_PLUGIN_API = 1


@frozen(kw_only=True)
class SqliteConfig:
    """INDEXERS["sqlite"]: the file, on a local disk; `busy` is how long a writer waits, in s."""

    path: str = field(default="asyncevents-index.db", validator=validators.min_len(1))
    busy: float = field(default=10.0, validator=validators.ge(0))


class SqliteIndexerType(IndexerType[SqliteConfig]):
    """Registers `sqlite`."""

    name = "sqlite"
    title = "An index in a file of SQLite"
    config_class = SqliteConfig

    def open(self, config: SqliteConfig) -> Indexer:
        """Return the index. The file is opened by each call, and made by the first that writes."""
        return SqliteIndexer(Database(config.path, busy=config.busy))


@hookimpl
def asyncevents_register_indexers() -> Sequence[IndexerType[Any]]:
    """Register `sqlite`."""
    return [SqliteIndexerType()]

"""The indexer `embedded`: its type and its configuration."""

from __future__ import annotations

from attrs import field, frozen, validators

from asyncevents_core.errors import MissingExtra
from asyncevents_core.ports.indexer import Indexer, IndexerType


@frozen(kw_only=True)
class EmbeddedConfig:
    """``INDEXERS["embedded"]``.

    `path` is the folder of the index, on a local disk that workers and commands share.
    `memory_mb` is what a writing process buffers; `searches` run at once in one process.
    """

    path: str = field(default="asyncevents-index", validator=validators.min_len(1))
    memory_mb: int = field(default=64, validator=[validators.ge(16), validators.le(4000)])
    searches: int = field(default=4, validator=validators.ge(1))


class EmbeddedIndexerType(IndexerType[EmbeddedConfig]):
    """The indexer `embedded`."""

    name = "embedded"
    title = "An index in a folder, without a server (tantivy)"
    config_class = EmbeddedConfig

    def open(self, config: EmbeddedConfig) -> Indexer:
        """See `IndexerType`."""
        try:
            from asyncevents_core.adapters.tantivy.indexer import EmbeddedIndexer
        except ModuleNotFoundError as error:
            if error.name != "tantivy":
                raise
            raise MissingExtra("the indexer embedded", extra="search") from error
        return EmbeddedIndexer(config)

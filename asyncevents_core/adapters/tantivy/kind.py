"""What is registered as `embedded`. tantivy itself is imported by `open`."""

from __future__ import annotations

from asyncevents_core.adapters.tantivy.config import EmbeddedConfig
from asyncevents_core.errors import MissingExtra
from asyncevents_core.ports.indexer import Indexer, IndexerType


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

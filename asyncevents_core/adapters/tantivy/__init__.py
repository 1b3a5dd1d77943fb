"""The indexer `embedded`: an index in a folder, by tantivy, without a server.

`documents` writes the terms of a document, `making` asks about them, `generations` keeps the
folder, `indexer` is what the port asks for.
"""

from asyncevents_core.adapters.tantivy.kind import EmbeddedConfig, EmbeddedIndexerType

__all__ = ["EmbeddedConfig", "EmbeddedIndexerType"]

"""The indexer `embedded`: an index in a folder, by tantivy, without a server.

`documents` makes terms of a document, `translating` finds them again, `generations` keeps the
folder, `indexer` is what the port asks for.
"""

from asyncevents_core.adapters.tantivy.kind import EmbeddedConfig, EmbeddedIndexerType

__all__ = ["EmbeddedConfig", "EmbeddedIndexerType"]

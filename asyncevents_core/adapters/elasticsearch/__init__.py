"""The indexer `elasticsearch`: an index on a cluster that several machines share.

`documents` writes the terms of a document, `making` asks about them, `names` and `indices` keep
generations and their indices apart, `bulk` writes, `calls` speaks with the cluster, `indexer` is
what the port asks for.
"""

from asyncevents_core.adapters.elasticsearch.config import ElasticsearchConfig
from asyncevents_core.adapters.elasticsearch.kind import ElasticsearchIndexerType

__all__ = ["ElasticsearchConfig", "ElasticsearchIndexerType"]

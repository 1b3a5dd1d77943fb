"""What is registered as `elasticsearch`. The client itself is imported by `open`."""

from __future__ import annotations

from asyncevents_core.adapters.elasticsearch.config import ElasticsearchConfig
from asyncevents_core.errors import MissingExtra
from asyncevents_core.ports.indexer import Indexer, IndexerType


class ElasticsearchIndexerType(IndexerType[ElasticsearchConfig]):
    """The indexer `elasticsearch`."""

    name = "elasticsearch"
    title = "An index on an Elasticsearch cluster, 8.x or 9.x"
    config_class = ElasticsearchConfig

    def open(self, config: ElasticsearchConfig) -> Indexer:
        """See `IndexerType`."""
        try:
            from asyncevents_core.adapters.elasticsearch.indexer import ElasticsearchIndexer
        except ModuleNotFoundError as error:
            if error.name not in {"elasticsearch", "elastic_transport"}:
                raise
            raise MissingExtra("the indexer elasticsearch", extra="elasticsearch") from error
        return ElasticsearchIndexer(config)

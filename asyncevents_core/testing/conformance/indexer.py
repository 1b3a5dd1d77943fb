"""`IndexerConformance`: what every indexer must do."""

from __future__ import annotations

from asyncevents_core.testing.conformance.indexer_documents import IndexerDocuments
from asyncevents_core.testing.conformance.indexer_kills import IndexerKills
from asyncevents_core.testing.conformance.indexer_rebuilds import IndexerRebuilds


class IndexerConformance(IndexerDocuments, IndexerRebuilds, IndexerKills):
    """Override the fixtures `indexer_type` and `config`: an index that is empty.

    Override `shared` with False where an index lives and dies with its process: nothing is
    killed then.
    """

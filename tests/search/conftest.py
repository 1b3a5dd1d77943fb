"""Every engine, opened where a test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from asyncevents_core.adapters.elasticsearch import ElasticsearchConfig
from asyncevents_core.ports.indexer import Indexer
from tests.search.engines import ENGINES, Place


@pytest.fixture(scope="session")
def open_engine(request, tmp_path_factory) -> Iterator[Callable[[str], Indexer]]:
    """Return a function that opens an engine by its name, with an index that is empty."""
    with ExitStack() as opened:

        def node() -> ElasticsearchConfig:
            server = request.getfixturevalue("elasticsearch")
            prefix = server.new_prefix()
            opened.callback(server.forget, prefix)
            return ElasticsearchConfig(urls=[server.url], index=prefix, replicas=0)

        def open_one(name: str) -> Indexer:
            place = Place(folder=tmp_path_factory.mktemp("index"), node=node)
            return opened.enter_context(ENGINES[name](place))

        yield open_one

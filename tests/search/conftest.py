"""A ledger, an index in memory, a project with both in files, every engine by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from asyncevents_core import AsyncEvents, NewSubscription, Settings
from asyncevents_core.adapters.elasticsearch import ElasticsearchConfig
from asyncevents_core.adapters.lucene import Lucene
from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.ports.indexer import Indexer
from asyncevents_core.testing.indexer import MemoryIndexConfig, MemoryIndexerType
from asyncevents_core.testing.ledger import make_ledger
from tests.clock import ManualClock
from tests.ledgers import put_ledger
from tests.search.engines import ENGINES, Place


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def ledger(tmp_path, clock):
    made = make_ledger(tmp_path, clock_offset=clock.offset)
    yield made
    made.close()


@pytest.fixture
def indexer():
    return MemoryIndexerType().open(MemoryIndexConfig())


@pytest.fixture
def search(ledger, indexer):
    return LogSearch(ledger, indexer, Lucene())


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
        "BROKER_URL": f"sqla+sqlite:///{tmp_path}/broker.db",
        "EVENTS": {"order.created": {}, "order.cancelled": {}},
        "INDEXER": "embedded",
        "INDEXERS": {"embedded": {"path": str(tmp_path / "index"), "memory_mb": 16}},
    }
    lines = [f"{name} = {value!r}" for name, value in settings.items()]
    (tmp_path / "search_settings.py").write_text("\n".join(lines))
    with AsyncEvents(Settings.from_mapping(settings)) as events:
        put_ledger(tmp_path)
        for name in settings["EVENTS"]:
            events.subscribe(NewSubscription(event_name=name, sink="file", target=f"{name}.jsonl"))
        yield events


@pytest.fixture(scope="session")
def open_engine(request, tmp_path_factory) -> Iterator[Callable[[str], Indexer]]:
    """Return a function that opens an engine by its name, with an index that is empty."""
    with ExitStack() as opened:

        def node() -> ElasticsearchConfig:
            server = request.getfixturevalue("elasticsearch")
            return ElasticsearchConfig(urls=[server.url], index=server.new_prefix(), replicas=0)

        def open_one(name: str) -> Indexer:
            place = Place(folder=tmp_path_factory.mktemp("index"), node=node)
            return opened.enter_context(ENGINES[name](place))

        yield open_one

"""A ledger in a file, and the shop's database in the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from asgi_shop import Base, let_writers_wait
from asyncevents_core import AsyncEvents
from tests.conftest import _servers as _servers
from tests.conftest import start_server as start_server
from tests.integration.conftest import inbox as inbox
from tests.integration.conftest import make_inbox as make_inbox
from tests.integration.conftest import make_project as make_project
from tests.ledgers import put_ledger


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a database with a ledger, and with the tables of the shop."""
    put_ledger(tmp_path)
    address = f"sqlite:///{tmp_path}/ledger.db"
    engine = sa.create_engine(address)
    Base.metadata.create_all(engine)
    engine.dispose()
    return address


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(url)
    let_writers_wait(made)
    yield made
    made.dispose()


@pytest.fixture
def make_events(tmp_path: Path) -> Iterator[Callable[..., AsyncEvents]]:
    """Return a function that makes an `AsyncEvents`, by default on that ledger."""
    made: list[AsyncEvents] = []

    def make(**settings: Any) -> AsyncEvents:
        values = {
            "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
            "BROKER_URL": f"sqla+sqlite:///{tmp_path}/broker.db",
            "SECRET_KEYS": ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
            "EVENTS": {"order.created": {}},
            "INDEXER": None,
            **settings,
        }
        made.append(AsyncEvents(values))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def events(url: str, make_events: Callable[..., AsyncEvents]) -> AsyncEvents:
    return make_events()

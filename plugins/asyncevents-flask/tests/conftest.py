"""Shops of Flask on each database."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_shops import EVENTS, SERVER, SQLITE, FlaskShop
from tests.conftest import _servers as _servers
from tests.conftest import start_server as start_server
from tests.installing.beside import install_beside
from tests.integration.conftest import inbox as inbox
from tests.integration.conftest import make_inbox as make_inbox

OLDEST = "2.3"


@pytest.fixture(scope="session")
def oldest_flask(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder with the oldest Flask that there may be."""
    folder = tmp_path_factory.mktemp("flask")
    wanted = (f"flask~={OLDEST}.0", "werkzeug~=2.3.0")
    return install_beside(folder, *wanted, dependencies=False)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a function that returns a file of SQLite with the tables of a shop."""

    @functools.cache
    def make() -> Path:
        folder = tmp_path_factory.mktemp("migrated")
        file = folder / "shop.db"
        config = {"SECRET_KEY": "of a test only", "SQLALCHEMY_DATABASE_URI": f"sqlite:///{file}"}
        FlaskShop(
            folder=folder, config=config, asyncevents={"EVENTS": EVENTS}, before=SQLITE
        ).migrate()
        return file

    return make


@pytest.fixture
def make_shop(tmp_path: Path, migrated: Callable[[], Path]) -> Iterator[Callable[..., FlaskShop]]:
    """Return a function that makes shops, by default on an SQLite file."""
    made: list[FlaskShop] = []

    def make(
        url: str | None = None,
        *,
        config: dict[str, Any] | None = None,
        path: tuple[str, ...] = (),
        **asyncevents: Any,
    ) -> FlaskShop:
        shop = FlaskShop(
            folder=tmp_path / f"shop{len(made)}",
            config={
                "SECRET_KEY": "of a test only",
                "SQLALCHEMY_DATABASE_URI": url or f"sqlite:///{tmp_path}/shop{len(made)}.db",
                **(config or {}),
            },
            asyncevents={
                "EVENTS": EVENTS,
                "BROKER_URL": f"sqla+sqlite:///{tmp_path}/broker.db",
                "SINKS": {"http": {"allow": ["127.0.0.0/8"]}},
                "INDEXER": None,
                **asyncevents,
            },
            path=path,
            before=SQLITE if url is None else SERVER,
            migrated=migrated,
        )
        made.append(shop)
        return shop

    yield make
    for shop in made:
        shop.end()


@pytest.fixture
def shop(make_shop: Callable[..., FlaskShop]) -> FlaskShop:
    """A shop whose tables are there."""
    return make_shop().migrate()


@pytest.fixture(params=["sqlite", "PostgreSql", "MariaDb"])
def url(request: pytest.FixtureRequest, start_server: Callable[[str], Any]) -> str | None:
    """The address of an empty database of each kind; None for a file of SQLite."""
    if request.param == "sqlite":
        return None
    return str(start_server(request.param).new_database())

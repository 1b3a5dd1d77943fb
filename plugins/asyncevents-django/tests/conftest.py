"""Projects of Django on each database, and on the oldest Django besides the installed one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from django_projects import EVENTS, PYMYSQL, DjangoProject, database_of, sqlite
from tests.conftest import _servers as _servers
from tests.conftest import start_server as start_server
from tests.installing.beside import install_beside
from tests.integration.conftest import inbox as inbox
from tests.integration.conftest import make_inbox as make_inbox

OLDEST = "4.2"


@frozen
class Place:
    """A database of Django, and what its settings need before."""

    database: dict[str, Any]
    before: str = ""


@pytest.fixture(scope="session")
def oldest_django(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder with the oldest Django that there may be."""
    return install_beside(tmp_path_factory.mktemp("django"), f"django~={OLDEST}.0")


@pytest.fixture
def make_place(start_server: Callable[[str], Any], tmp_path: Path) -> Callable[[str], Place]:
    def make(kind: str) -> Place:
        if kind == "sqlite":
            return Place(sqlite(tmp_path))
        url = start_server(kind).new_database()
        return Place(database_of(url), PYMYSQL if kind == "MariaDb" else "")

    return make


@pytest.fixture(params=["sqlite", "PostgreSql", "MariaDb"])
def place(request: pytest.FixtureRequest, make_place: Callable[[str], Place]) -> Place:
    return make_place(request.param)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[str, ...]], Path]:
    """Return a function that returns the folder of a project whose tables are there.

    There is one for each Django: each makes its migrations, and its tables, by itself.
    """
    made: dict[tuple[str, ...], Path] = {}

    def make(path: tuple[str, ...]) -> Path:
        if path not in made:
            folder = tmp_path_factory.mktemp("migrated")
            databases = {"default": sqlite(folder)}
            project = DjangoProject(
                folder=folder, databases=databases, asyncevents={"EVENTS": EVENTS}, path=path
            )
            project.migrate()
            made[path] = folder
        return made[path]

    return make


@pytest.fixture
def make_shop(
    tmp_path: Path, migrated: Callable[[tuple[str, ...]], Path]
) -> Iterator[Callable[..., DjangoProject]]:
    """Return a function that makes projects, by default on an SQLite file."""
    made: list[DjangoProject] = []

    def make(
        place: Place | None = None,
        *,
        databases: dict[str, Any] | None = None,
        path: tuple[str, ...] = (),
        before: str = "",
        after: str = "",
        **asyncevents: Any,
    ) -> DjangoProject:
        folder = tmp_path / f"shop{len(made)}"
        place = place or Place(sqlite(tmp_path, f"shop{len(made)}.sqlite3"))
        values = {
            "EVENTS": EVENTS,
            "BROKER_URL": f"sqla+sqlite:///{tmp_path}/broker.db",
            "SINKS": {"http": {"allow": ["127.0.0.0/8"]}},
            "INDEXER": None,
            **asyncevents,
        }
        project = DjangoProject(
            folder=folder,
            databases=databases or {"default": place.database},
            asyncevents=values,
            before=place.before + before,
            after=after,
            path=path,
            migrated=migrated,
        )
        made.append(project)
        return project

    yield make
    for project in made:
        project.end()


@pytest.fixture
def shop(make_shop: Callable[..., DjangoProject]) -> DjangoProject:
    """A project whose tables are there."""
    return make_shop().migrate()

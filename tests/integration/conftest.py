"""Fixtures for tests with real processes, databases and sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.inbox import Inbox, open_inbox
from tests.integration.project import Project
from tests.ledgers import put_ledger


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    made: list[Project] = []

    def make(**settings: Any) -> Project:
        folder = tmp_path / f"project{len(made)}"
        folder.mkdir()
        project = Project(folder=folder, settings=settings)
        made.append(project)
        if "LEDGER_URL" in settings:
            with project.events() as events:
                events.upgrade()
        else:
            put_ledger(folder)
        return project

    yield make
    for project in made:
        project.end()


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


@pytest.fixture
def make_inbox() -> Iterator[Callable[..., Inbox]]:
    with ExitStack() as stack:

        def make(**behaviour: Any) -> Inbox:
            return stack.enter_context(open_inbox(**behaviour))

        yield make


@pytest.fixture
def inbox(make_inbox: Callable[..., Inbox]) -> Inbox:
    return make_inbox()


@pytest.fixture(params=["sqlite", "RabbitMq", "Redis"])
def broker_url(
    request: pytest.FixtureRequest, start_server: Callable[[str], Any], tmp_path: Path
) -> str:
    """URL of an empty broker of each kind."""
    if request.param == "sqlite":
        return f"sqla+sqlite:///{tmp_path}/broker.db"
    server = start_server(request.param)
    server.clear()
    return str(server.url)

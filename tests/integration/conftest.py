"""Fixtures for tests with real processes, databases and sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from asyncevents_http.background import running
from asyncevents_http.receiver import Arrival, Behaviour, Receiver
from tests.integration.project import Project

SECRET = "supersecret"


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    made: list[Project] = []

    def make(**settings: Any) -> Project:
        folder = tmp_path / f"project{len(made)}"
        folder.mkdir()
        project = Project(folder=folder, settings=settings)
        made.append(project)
        project.run("db", "upgrade")
        return project

    yield make
    for project in made:
        project.end()


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


class Inbox(Receiver):
    """A receiver that remembers what arrived."""

    arrivals: list[Arrival]

    def behave(self, **behaviour: Any) -> None:
        """Answer what comes from now on in another way."""
        self._behaviour = Behaviour(**behaviour)

    @property
    def accepted(self) -> list[Arrival]:
        return [one for one in self.arrivals if one.valid and one.status == 200]


@pytest.fixture
def make_inbox() -> Iterator[Callable[..., Inbox]]:
    with ExitStack() as stack:

        def make(*, secrets: Sequence[str] = (SECRET,), **behaviour: Any) -> Inbox:
            arrivals: list[Arrival] = []
            inbox = Inbox(
                secrets=secrets, behaviour=Behaviour(**behaviour), arrived=arrivals.append
            )
            inbox.arrivals = arrivals
            stack.enter_context(running(inbox))
            return inbox

        yield make


@pytest.fixture
def inbox(make_inbox: Callable[..., Inbox]) -> Inbox:
    return make_inbox()

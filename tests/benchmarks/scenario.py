"""What a scenario is, and what it gets to work with."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from attrs import define, field, frozen

from tests.benchmarks.constants import EVENT, PERMITS
from tests.benchmarks.figures import Findings
from tests.benchmarks.payloads import Payloads, real, small
from tests.benchmarks.services import Services
from tests.integration.project import Project

T = TypeVar("T")


@frozen(kw_only=True)
class Options:
    """How much to measure."""

    rounds: int = 5
    events: int = 20_000
    seconds: float = 20.0
    history: int = 5_000_000
    endurance: int = 500_000
    subscriptions: int = 100_000
    documents: int = 1_000_000
    snapshot: float = 600.0
    old: int = 60_000
    seed: int = 1
    fsync: bool = True


class Progress(ABC):
    """Where a scenario tells how far it is."""

    @abstractmethod
    def expect(self, steps: int) -> None:
        """So many more steps are to come."""

    @abstractmethod
    def step(self, text: str) -> None:
        """The next step begins."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Something happened within the step."""


class Silent(Progress):
    """Tells nobody."""

    def expect(self, steps: int) -> None:
        """See `Progress`."""

    def step(self, text: str) -> None:
        """See `Progress`."""

    def say(self, text: str) -> None:
        """See `Progress`."""


@define(slots=False, kw_only=True)
class Context:
    """What a scenario gets: how much to measure, servers, payloads, new projects."""

    options: Options
    services: Services
    progress: Progress = field(factory=Silent)
    shared: dict[str, Any] = field(factory=dict)
    """What one scenario found out and others need not find out again."""

    def __attrs_post_init__(self) -> None:
        self.small: Payloads = small(self.options.seed)
        self.real: Payloads = real(self.options.seed)

    def in_turn(self, measurements: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
        """Measure all of them in each round; what is first differs from round to round."""
        rounds = self.options.rounds
        self.progress.expect(rounds * len(measurements))
        found: dict[str, list[T]] = {name: [] for name in measurements}
        names = list(measurements)
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                self.progress.step(f"round {number + 1} of {rounds}: {name}")
                found[name].append(measurements[name]())
        return found

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Return a folder that is removed after the block."""
        path = Path(tempfile.mkdtemp(prefix="asyncevents-bench-"))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Return the URL of a new database that is dropped after the block."""
        server = self.services.postgresql
        url = server.new_database()
        try:
            yield url
        finally:
            name = url.rpartition("/")[2]
            server.execute(server.admin_url, f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def project(self, **settings: Any) -> Iterator[Project]:
        """Make a project with a ledger of its own; the embedded default without settings."""
        with self.folder() as folder:
            project = Project(
                folder=folder,
                settings={
                    "PERMITS": PERMITS,
                    "EVENTS": {EVENT: {}, "other": {}},
                    "INDEXER": None,
                    **settings,
                },
            )
            with project.events() as events:
                events.upgrade()
            try:
                yield project
            finally:
                project.end()

    @contextmanager
    def on_servers(self, broker: str | None = None, **settings: Any) -> Iterator[Project]:
        """Make a project on PostgreSQL and RabbitMQ, or another broker by its URL."""
        with self.database() as ledger:
            if broker is None:
                self.services.rabbitmq.clear()
                broker = self.services.rabbitmq.url
            with self.project(LEDGER_URL=ledger, BROKER_URL=broker, **settings) as project:
                yield project


class Scenario(ABC):
    """One part of the suite. Its docstring is printed with the results."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def run(self, context: Context) -> Findings:
        """Measure."""

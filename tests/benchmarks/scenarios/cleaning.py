"""The clean-up of a ledger in a file, while an index is fed from it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from attrs import frozen

from asyncevents_core.adapters.sqlalchemy import schema
from tests.benchmarks import history, reading
from tests.benchmarks.constants import EVENT
from tests.benchmarks.driving import Workers, project_workers, running
from tests.benchmarks.figures import Columns, Figure, Findings, Lines
from tests.benchmarks.scenario import Context, Scenario
from tests.integration.project import Project

_ALONE, _FED, _REINDEXED = "alone", "an index is fed", "a reindex runs, too"
_DAYS: Final = 30
_AGO: Final = (_DAYS + 1) * 24 * history.HOUR
_EVERY: Final = 0.25
_PATIENCE: Final = 1800.0
_FEWEST: Final = 3
_COUNT: Final = sa.select(sa.func.count()).select_from(schema.event)


@frozen(kw_only=True)
class Cleaned:
    """Points (seconds, events left) from the first look at which some were gone; CPU seconds."""

    left: tuple[tuple[float, float], ...]
    cpu: float

    @property
    def events(self) -> float:
        return self.left[0][1] - self.left[-1][1]

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.left[-1][0]

    @property
    def slowing(self) -> float:
        """How many times as long the first half of the events took as the second."""
        half = self.left[0][1] - self.events / 2
        first = next(at for at, left in self.left if left <= half)
        return first / max(_EVERY, self.left[-1][0] - first)


class Cleaning(Scenario):
    """`asyncevents cleanup` on SQLite, of a ledger in which all is older than it keeps.

    Events have 8 KB, two deliveries each. Alone; while a worker runs, with the index that it feeds,
    to which the clean-up gives all that it deletes; and while a reindex of all runs beside that.
    The clean-up rests twice as long as each step took. "slowing" is how many times as long the
    first half of the events took as the second: much more than one where the time of a step depends
    on how many events there are.
    """

    name = "cleaning"
    title = "The clean-up of a ledger on SQLite"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        ways: dict[str, Callable[[], Cleaned]] = {
            _ALONE: lambda: _clean(context, worker=False, reindex=False),
            _FED: lambda: _clean(context, worker=True, reindex=False),
            _REINDEXED: lambda: _clean(context, worker=True, reindex=True),
        }
        found = context.in_turn(ways)
        rates = {
            name: Figure(name=name, unit="events/s", values=[one.rate for one in runs])
            for name, runs in found.items()
        }
        return Findings(
            figures=[
                *rates.values(),
                *(
                    Figure(name=f"{name}: {what}", unit=unit, values=[of(one) for one in runs])
                    for name, runs in found.items()
                    for what, (unit, of) in _MORE.items()
                ),
            ],
            notes={"ledger": f"{context.options.old:,} attempts"},
            columns=[
                Columns(
                    name="cleaning-rates",
                    title=self.title,
                    unit="events/s",
                    groups={name: {"": one.values} for name, one in rates.items()},
                )
            ],
            lines=[
                Lines(
                    name="cleaning",
                    title="Events that are left",
                    x="seconds",
                    y="events",
                    lines={name: runs[0].left for name, runs in found.items()},
                )
            ],
        )


_MORE: Final[Mapping[str, tuple[str, Callable[[Cleaned], float]]]] = {
    "CPU of the clean-up": ("ms per event", lambda one: one.cpu / one.events * 1e3),
    "slowing": ("×", lambda one: one.slowing),
}


def _clean(context: Context, *, worker: bool, reindex: bool) -> Cleaned:
    with context.folder() as folder:
        indexers = {"embedded": {"path": str(folder / "index")}}
        settings: dict[str, Any] = {"INDEXER": "embedded", "INDEXERS": indexers}
        with context.project(**settings) as project:
            context.progress.say("loading the ledger")
            history.load(
                project.settings["LEDGER_URL"],
                name=EVENT,
                payloads=context.real,
                subscriptions=reading.subscribe(project)[:2],
                attempts=context.options.old,
                seed=context.options.seed,
                progress=lambda done: context.progress.say(f"{done:,} attempts loaded"),
                ago=_AGO,
            )
            with _beside(project, worker=worker, reindex=reindex):
                return _watched(context, project)


@contextmanager
def _beside(project: Project, *, worker: bool, reindex: bool) -> Iterator[None]:
    """Run what else is at the ledger."""
    if not worker:
        yield
        return
    with project_workers(project, 1):
        if not reindex:
            yield
            return
        with _command(project, "reindex"):
            yield


@contextmanager
def _command(project: Project, *arguments: str) -> Iterator[Workers]:
    folder = project.folder / arguments[0]
    folder.mkdir()
    command = [sys.executable, "-m", "asyncevents_core", *arguments]
    with running([command], folder=folder, environment=project.environment) as process:
        yield process


def _watched(context: Context, project: Project) -> Cleaned:
    engine = sa.create_engine(project.settings["LEDGER_URL"])
    there = left = _events(engine)
    points: list[tuple[float, float]] = []
    cpu, begun = 0.0, None
    until = time.monotonic() + _PATIENCE
    with _command(project, "cleanup", "--days", str(_DAYS), "--yes") as process:
        while left:
            if time.monotonic() > until:
                raise TimeoutError(f"{left:,} of {there:,} events left in {_PATIENCE:g} s")
            if process.processes[0].poll() is not None and _events(engine):
                process.check()
            time.sleep(_EVERY)
            cpu, left = max(cpu, process.cpu), _events(engine)
            now = time.monotonic()
            # From then on: the start of the process has nothing to do with the ledger.
            if begun is None and left < there:
                begun = now
            if begun is not None:
                points.append((now - begun, left))
            context.progress.say(f"{left:,} events left")
    engine.dispose()
    if len(points) < _FEWEST:
        raise RuntimeError(f"{there:,} events were gone at once: take a longer --old")
    return Cleaned(left=tuple(points), cpu=cpu)


def _events(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(_COUNT).scalar_one()

"""A transaction elsewhere keeps PostgreSQL from removing what is dead."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from attrs import frozen

from asyncevents_core.adapters.sqlalchemy import schema
from tests.benchmarks import database
from tests.benchmarks.database import Volume
from tests.benchmarks.driving import Workers, project_workers, settling, subscribe, watch
from tests.benchmarks.figures import Bar, Figure, Findings, Lines
from tests.benchmarks.receiving import Recipient, recipient
from tests.benchmarks.scenario import Context, Scenario
from tests.benchmarks.supplying import supplied
from tests.integration.project import Project

RATE: Final = 0.95
_TENTHS: Final = 10
_SHORTER: Final = 10
_LEAST: Final = 5.0
_PROCESSES: Final = 2
_PATH: Final = "/ok"
_BEFORE, _HELD, _AFTER = "without, before", "snapshot held", "without, after"


@frozen(kw_only=True)
class Supply:
    """Deliveries for some time: their rate in each tenth of it, and what they left behind."""

    seconds: float
    rates: Sequence[float]
    arrived: int
    added: Volume
    dead: Mapping[str, int]

    def per_delivery(self, amount: int) -> float:
        return amount / self.arrived


class Snapshot(Scenario):
    """Two worker processes deliver for ten minutes while a session of PostgreSQL holds a snapshot.

    The session has read once, REPEATABLE READ, and is then idle in its transaction, as a forgotten
    console or a long export would be. So no row that dies since is removed. Before and after, the
    same for a tenth of the time on a new ledger, without a snapshot: the rate without is the median
    of all tenths of both. All the while some 10,000 events wait, and publishing goes on. What is
    counted per delivery includes publishing, and is read when the last event is delivered; WAL is
    the server's. Once, not in rounds.
    """

    name = "snapshot"
    title = "A snapshot that is held"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        seconds = context.options.snapshot
        shorter = max(_LEAST, seconds / _SHORTER)
        context.progress.expect(3)
        found = {
            name: _supply(context, name, length, beside)
            for name, length, beside in (
                (_BEFORE, shorter, nullcontext),
                (_HELD, seconds, database.snapshot),
                (_AFTER, shorter, nullcontext),
            )
        }
        held = found[_HELD]
        without = statistics.median([*found[_BEFORE].rates, *found[_AFTER].rates])
        return Findings(
            figures=[figure for name, one in found.items() for figure in _figures(name, one)],
            bars=[
                Bar(
                    text=f"the last tenth of {seconds:g} s: {RATE:g} × the rate without a snapshot",
                    value=held.rates[-1] / without,
                    limit=RATE,
                )
            ],
            notes={
                f"dead rows, {name}": ", ".join(
                    f"{table} {count:,}" for table, count in one.dead.items() if count
                )
                or "none"
                for name, one in found.items()
            },
            lines=[
                Lines(
                    name="snapshot",
                    title=self.title,
                    x="seconds",
                    y="deliveries/s",
                    lines={name: _points(one) for name, one in found.items()},
                )
            ],
        )


def tenths(times: Sequence[float], seconds: float) -> list[float]:
    """Return the rate of arrivals in each tenth of so many seconds since the first one."""
    width = seconds / _TENTHS
    counts = [0] * _TENTHS
    for one in times:
        place = int((one - times[0]) / width)
        if place < _TENTHS:
            counts[place] += 1
    return [count / width for count in counts]


def _supply(
    context: Context,
    name: str,
    seconds: float,
    beside: Callable[[Project], AbstractContextManager[None]],
) -> Supply:
    context.progress.step(name)
    with (
        context.on_servers() as project,
        recipient() as server,
        database.connected(project) as connection,
    ):
        subscribe(project, [server.url + _PATH])
        # Else a checkpoint in the one and none in the other makes the one write more.
        context.services.postgresql.execute(project.settings["LEDGER_URL"], "CHECKPOINT")
        before = database.volume(connection)
        with beside(project):
            with settling(project) as settled, project_workers(project, _PROCESSES) as workers:
                _deliver(context, project, server, workers, seconds)
                published = database.count(connection, schema.event.name)
                context.progress.say(f"{published:,} published: the last ones are delivered")
                watch(workers, server, [_PATH], published, settle=settled)
            # The workers' sessions have ended, and reported what they did.
            added, dead = database.volume(connection).since(before), database.dead_rows(connection)
        arrivals = server.arrivals([_PATH])
    return Supply(
        seconds=seconds,
        rates=tenths(arrivals.times, seconds),
        arrived=len(arrivals),
        added=added,
        dead=dead,
    )


def _deliver(
    context: Context, project: Project, server: Recipient, workers: Workers, seconds: float
) -> None:
    until = None
    for arrived in supplied(project, context.small, server, workers, _PATH):
        if arrived and until is None:
            until = time.monotonic() + seconds
        context.progress.say(f"{arrived:,} deliveries")
        if until is not None and time.monotonic() > until:
            return


def _figures(name: str, one: Supply) -> list[Figure]:
    figures = {
        "median tenth": ("deliveries/s", statistics.median(one.rates)),
        "last tenth": ("deliveries/s", one.rates[-1]),
        "dead rows": ("rows per delivery", one.per_delivery(sum(one.dead.values()))),
        "WAL": ("bytes per delivery", one.per_delivery(one.added.wal)),
        "tables": ("bytes per delivery", one.per_delivery(one.added.tables)),
        "indexes": ("bytes per delivery", one.per_delivery(one.added.indexes)),
    }
    return [
        Figure(name=f"{name}: {what}", unit=unit, values=[value])
        for what, (unit, value) in figures.items()
    ]


def _points(one: Supply) -> tuple[tuple[float, float], ...]:
    width = one.seconds / _TENTHS
    return tuple(((place + 0.5) * width, rate) for place, rate in enumerate(one.rates))

"""Bar 7: a ledger that has grown for years."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from attrs import define, field

from tests.benchmarks import history, reading
from tests.benchmarks.driving import EVENT, project_workers, publish, running, watch
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, percentile, ratio
from tests.benchmarks.receiving import recipient
from tests.benchmarks.scenario import Context, Scenario
from tests.integration.project import Project

RATE: Final = 0.9
CLEANING: Final = 0.8
READ: Final = 50.0
_PROCESSES: Final = 2
_DAYS: Final = 30
_CLEAN_UP_STARTS: Final = 2.0
_EMPTY, _FULL, _CLEANING = "empty ledger", "full ledger", "full ledger, clean-up running"
_BARRED: Final = (reading.TRACE, reading.LOGS)


@define
class CleanUps:
    """Whether each clean-up was still running when the deliveries beside it were over."""

    outlasted: list[bool] = field(factory=list)

    def __str__(self) -> str:
        if all(self.outlasted):
            return "ran all the while"
        return "ended before the deliveries: its ratio says little, take a longer --history"


class Growth(Scenario):
    """Delivery, look-ups and clean-up with 5,000,000 attempts of 60 days in the ledger.

    They are loaded by COPY into the real tables with their indexes, events, deliveries and
    attempts fitting each other, then VACUUM ANALYZE. A tenth of them belongs to the subscription
    that is delivered to. Each time a backlog is published, then two worker processes start. The
    clean-up is `asyncevents cleanup --days 30` beside them. Look-ups are made in this process
    with the caches as they are, traces being drawn at random; "95 %" is the 95th percentile.
    """

    name = "growth"
    title = "A grown ledger"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        cleanups = CleanUps()
        with context.on_servers() as full:
            loaded, loading = _load(context, full)
            found = context.in_turn(
                {
                    _EMPTY: lambda: _on_empty(context),
                    _FULL: lambda: _rate(context, full),
                    _CLEANING: lambda: _rate(
                        context, full, beside=lambda: _clean_up(full, cleanups)
                    ),
                }
            )
            reads = context.in_turn(
                {
                    name: functools.partial(reading.read, full, loaded, name)
                    for name in reading.READS
                }
            )
        rates = {
            name: Figure(name=name, unit="deliveries/s", values=values)
            for name, values in found.items()
        }
        return Findings(
            figures=[*rates.values(), *_read_figures(reads)],
            bars=[
                Bar(
                    text=f"{_FULL}: {RATE:g} × the rate on an empty one",
                    value=ratio(rates[_FULL], rates[_EMPTY]),
                    limit=RATE,
                ),
                Bar(
                    text=f"{_CLEANING}: {CLEANING:g} × the rate without",
                    value=ratio(rates[_CLEANING], rates[_FULL]),
                    limit=CLEANING,
                ),
                *(
                    Bar(
                        text=f"{figure.name}: below {READ:g} ms",
                        value=figure.median,
                        limit=READ,
                        unit="ms",
                        at_most=True,
                    )
                    for figure in _read_figures({name: reads[name] for name in _BARRED})
                    if figure.name.endswith("95 %")
                ),
            ],
            notes={
                "ledger": f"{loaded.events:,} events, {loaded.deliveries:,} deliveries, "
                f"{loaded.attempts:,} attempts, loaded in {loading:.0f} s",
                "clean-up": str(cleanups),
            },
            columns=[
                Columns(
                    name="growth",
                    title=self.title,
                    unit="deliveries/s",
                    groups={name: {"deliveries/s": one.values} for name, one in rates.items()},
                )
            ],
        )


def _load(context: Context, project: Project) -> tuple[history.History, float]:
    options = context.options
    context.progress.expect(1)
    context.progress.step("loading the ledger")
    begun = time.monotonic()
    url = project.settings["LEDGER_URL"]
    loaded = history.load(
        url,
        name=EVENT,
        payloads=context.small,
        subscriptions=reading.subscribe(project),
        attempts=options.history,
        seed=options.seed,
        progress=lambda written: context.progress.say(f"loading the ledger: {written:,} attempts"),
    )
    context.services.postgresql.execute(url, "VACUUM ANALYZE", "CHECKPOINT")
    return loaded, time.monotonic() - begun


def _on_empty(context: Context) -> float:
    with context.on_servers() as project:
        reading.subscribe(project)
        return _rate(context, project)


def _rate(
    context: Context,
    project: Project,
    *,
    beside: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> float:
    events = context.options.events
    context.services.rabbitmq.clear()
    with recipient() as server:
        reading.point_to(project, f"{server.url}/ok")
        publish(project, context.small, events)
        with beside(), project_workers(project, _PROCESSES) as workers:
            return watch(workers, server, ["/ok"], events).arrivals.rate


@contextmanager
def _clean_up(project: Project, cleanups: CleanUps) -> Iterator[None]:
    folder = project.folder / "clean-up"
    folder.mkdir(exist_ok=True)
    command = [
        sys.executable, "-m", "asyncevents_core", "cleanup", "--days", str(_DAYS), "--yes",
    ]  # fmt: skip
    with running([command], folder=folder, environment=project.environment) as process:
        time.sleep(_CLEAN_UP_STARTS)
        yield
        cleanups.outlasted.append(process.processes[0].poll() is None)


def _read_figures(reads: dict[str, list[list[float]]]) -> list[Figure]:
    return [
        Figure(
            name=f"{name}, {called}",
            unit="ms",
            values=[percentile(times, share) * 1e3 for times in runs],
        )
        for name, runs in reads.items()
        for called, share in (("median", 0.5), ("95 %", 0.95))
    ]

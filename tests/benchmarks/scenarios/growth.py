"""Bar 7: a ledger that has grown for years."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from attrs import define, field, frozen

from tests.benchmarks import database, history, reading
from tests.benchmarks.constants import EVENT
from tests.benchmarks.database import Activity
from tests.benchmarks.driving import Run, project_workers, publish, running, settling, watch
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, percentile, ratio
from tests.benchmarks.receiving import recipient
from tests.benchmarks.sampling import sampled
from tests.benchmarks.scenario import Context, Scenario
from tests.integration.project import Project

RATE: Final = 0.9
CLEANING: Final = 0.8
READ: Final = 50.0
_PROCESSES: Final = 2
_DAYS: Final = 30
_CLEAN_UP_STARTS: Final = 2.0
_WARMED: Final = 10
_FEWEST: Final = 200
_LOOK_EVERY: Final = 0.5
_EMPTY, _FULL, _CLEANING = "empty ledger", "full ledger", "full ledger, clean-up running"
_BARRED: Final = (reading.TRACE, reading.LOGS)


@frozen(kw_only=True)
class Side:
    """Deliveries on one ledger: their rate, and what else may tell why it is so.

    `worked` is what the server did meanwhile, `vacuuming` the share of looks at which an autovacuum
    ran, in any database.
    """

    run: Run
    worked: Activity
    vacuuming: float

    @property
    def rate(self) -> float:
        return self.run.arrivals.steady_rate

    def per_delivery(self, amount: int) -> float:
        return amount / len(self.run.arrivals)


_REASONS: Final[Mapping[str, tuple[str, Callable[[Side], float]]]] = {
    "CPU of workers": ("µs per delivery", lambda one: one.run.usage.per_delivery("workers")),
    "CPU of PostgreSQL": ("µs per delivery", lambda one: one.run.usage.per_delivery("postgresql")),
    "CPU of others": ("cores", lambda one: one.run.usage.others),
    "blocks from its buffers": ("per delivery", lambda one: one.per_delivery(one.worked.hit)),
    "blocks not in its buffers": ("per delivery", lambda one: one.per_delivery(one.worked.read)),
    "WAL": ("bytes per delivery", lambda one: one.per_delivery(one.worked.wal)),
    "blocks written": ("per delivery", lambda one: one.per_delivery(one.worked.written)),
    "checkpoints begun": ("", lambda one: one.worked.checkpoints),
    "autovacuum": ("% of the time", lambda one: one.vacuuming * 100),
}
"""What may differ from run to run without being the ledger's fault, or be the reason if it is."""


@define
class CleanUps:
    """Whether each clean-up was still running when the deliveries beside it were over."""

    outlasted: list[bool] = field(factory=list)

    def __str__(self) -> str:
        if all(self.outlasted):
            return "ran all the while"
        return "ended before the deliveries: its ratio says little, take a longer --history"


class Growth(Scenario):
    """Delivery, look-ups and clean-up with a ledger full of attempts of 60 days.

    They are loaded by COPY into the real tables with their indexes, events, deliveries and
    attempts fitting each other, then VACUUM ANALYZE. A tenth of them belongs to the subscription
    that is delivered to. Each time a backlog is published, then two worker processes start. Rates
    are steady ones, as in `delivery`. The clean-up is `asyncevents cleanup --days 30` beside them.

    Each side begins with the same state of the server: both ledgers are vacuumed and analyzed, a
    checkpoint was made, autovacuum is off until the end of the side. A tenth of the events was
    delivered before, so that caches are warm. What the server did meanwhile, publishing included,
    is in the figures: where sides differ in it without cause, their ratio is not the ledgers'.

    Look-ups are made in this process with the caches as they are, traces being drawn at random;
    "95 %" is the 95th percentile.
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
                    _EMPTY: lambda: _on_empty(context, full),
                    _FULL: lambda: _side(context, full),
                    _CLEANING: lambda: _side(
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
            name: Figure(name=name, unit="deliveries/s", values=[one.rate for one in sides])
            for name, sides in found.items()
        }
        return Findings(
            figures=[*rates.values(), *_reasons(found), *_read_figures(reads)],
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


def _on_empty(context: Context, full: Project) -> Side:
    with context.on_servers() as project:
        reading.subscribe(project)
        return _side(context, project, others=[full])


def _side(
    context: Context,
    project: Project,
    *,
    beside: Callable[[], AbstractContextManager[None]] = nullcontext,
    others: Sequence[Project] = (),
) -> Side:
    with (
        database.connected(project) as connection,
        database.connected(project) as looking,
        database.without_autovacuum(connection),
    ):
        _deliver(context, project, max(_FEWEST, context.options.events // _WARMED))
        for one in (project, *others):
            # Without what the side before has left: dead rows, and blocks that wait to be written.
            url = one.settings["LEDGER_URL"]
            context.services.postgresql.execute(url, "VACUUM ANALYZE", "CHECKPOINT")
        with sampled(lambda: database.vacuuming(looking) > 0, every=_LOOK_EVERY) as looks:
            before = database.activity(connection)
            run = _deliver(context, project, context.options.events, beside=beside)
            # The workers' sessions have ended, and reported what they did.
            worked = database.activity(connection).since(before)
        return Side(run=run, worked=worked, vacuuming=sum(looks) / len(looks))


def _deliver(
    context: Context,
    project: Project,
    events: int,
    *,
    beside: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Run:
    context.services.rabbitmq.clear()
    parts = context.services.pids("postgresql", "rabbitmq")
    with recipient() as server:
        reading.point_to(project, f"{server.url}/ok")
        publish(project, context.small, events)
        with (
            settling(project) as settled,
            beside(),
            project_workers(project, _PROCESSES) as workers,
        ):
            return watch(workers, server, ["/ok"], events, parts=parts, settle=settled)


def _reasons(found: Mapping[str, Sequence[Side]]) -> Iterator[Figure]:
    for reason, (unit, of) in _REASONS.items():
        for name, sides in found.items():
            yield Figure(name=f"{reason}: {name}", unit=unit, values=[of(one) for one in sides])


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

"""The search index beside deliveries, and built anew."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.ports.ledger.index import IndexBacklog
from asyncevents_core.runtime import Runtime
from tests.benchmarks import history
from tests.benchmarks.catching_up import backlog, runtime_of, until_up_to_date
from tests.benchmarks.constants import EVENT
from tests.benchmarks.driving import (
    project_workers,
    publish,
    publish_batch,
    running,
    subscribe,
    watch,
)
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, Lines, percentile, ratio
from tests.benchmarks.receiving import Recipient, recipient
from tests.benchmarks.scenario import Context, Scenario
from tests.integration.project import Project

LOAD: Final = 0.5
GROWTH: Final = 5.0
BESIDE: Final = 0.85
"""Of the rate without an index."""
_PROCESSES: Final = 2
_TICK: Final = 0.1
_LOOK_EVERY: Final = 0.25
_PATH: Final = "/ok"
_WITHOUT, _WITH = "without an index", "with an index"
_MB: Final = 1e6


@frozen(kw_only=True)
class Beside:
    """Deliveries with an index: their rate, what waited at their end, how fast that was done."""

    rate: float
    waiting: int
    catching_up: float


@frozen(kw_only=True)
class Lag:
    """Looks at the index under a steady load: seconds that it was behind, attempts that waited."""

    seconds: Sequence[float]
    waiting: Sequence[int]
    rate: float
    after: float
    """Seconds until it was up to date when the load had ended."""


@frozen(kw_only=True)
class Rebuilt:
    """A reindex: how long it took, and resident MB as it went on."""

    seconds: float
    resident: Sequence[float]


class Indexing(Scenario):
    """Two worker processes and the index's own deliver a backlog, and then a steady load.

    Rates are those of the arrivals. What waits for the index when the last has arrived is then
    indexed without deliveries beside it. The steady load is half the rate without an index;
    `lag` is how old the oldest attempt was that the index did not have, looked at four times a
    second. The reindex is `asyncevents reindex` over a ledger loaded by COPY, as in `growth`, once;
    growth of its memory is that of the last tenth over the tenth after the half.
    """

    name = "indexing"
    title = "The search index beside deliveries"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        plain: list[float] = []
        beside: list[Beside] = []

        def without() -> None:
            with context.on_servers() as project, recipient() as server:
                plain.append(_rate(context, project, server))

        def with_index() -> None:
            with context.on_servers(INDEXER="embedded") as project, recipient() as server:
                beside.append(_beside(context, project, server))

        context.in_turn({_WITHOUT: without, _WITH: with_index})
        load = LOAD * percentile(plain, 0.5)
        context.progress.expect(2)
        context.progress.step(f"{load:.0f} deliveries a second")
        with context.on_servers(INDEXER="embedded") as project, recipient() as server:
            lag = _lag(context, project, server, load)
        context.progress.step(f"reindex of {context.options.documents:,} attempts")
        rebuilt = _rebuild(context)
        return _findings(context, plain, beside, lag, rebuilt)


def _findings(
    context: Context, plain: list[float], beside: list[Beside], lag: Lag, rebuilt: Rebuilt
) -> Findings:
    rates = {
        _WITHOUT: Figure(name=_WITHOUT, unit="deliveries/s", values=plain),
        _WITH: Figure(name=_WITH, unit="deliveries/s", values=[one.rate for one in beside]),
    }
    half = len(rebuilt.resident) // 2
    tenth = max(1, len(rebuilt.resident) // 10)
    settled = percentile(rebuilt.resident[half : half + tenth], 0.5)
    growth = (percentile(rebuilt.resident[-tenth:], 0.5) / settled - 1) * 100
    return Findings(
        figures=[
            *rates.values(),
            Figure(
                name="waiting at the end", unit="attempts", values=[one.waiting for one in beside]
            ),
            Figure(
                name="catching up", unit="attempts/s", values=[one.catching_up for one in beside]
            ),
            Figure(name="steady load", unit="deliveries/s", values=[lag.rate]),
            Figure(name="lag, p50", unit="s", values=[percentile(lag.seconds, 0.5)]),
            Figure(name="lag, largest", unit="s", values=[max(lag.seconds)]),
            Figure(name="waiting, largest", unit="attempts", values=[max(lag.waiting)]),
            Figure(name="up to date after", unit="s", values=[lag.after]),
            Figure(
                name="reindex",
                unit="attempts/s",
                values=[context.options.documents / rebuilt.seconds],
            ),
            Figure(name="reindex: memory", unit="MB", values=[max(rebuilt.resident)]),
            Figure(name="reindex: growth over the second half", unit="%", values=[growth]),
        ],
        bars=[
            Bar(
                text=f"reindex: growth over the second half below {GROWTH:g} %",
                value=growth,
                limit=GROWTH,
                unit="%",
                at_most=True,
            ),
            Bar(
                text="with an index × without",
                value=ratio(rates[_WITH], rates[_WITHOUT]),
                limit=BESIDE,
            ),
        ],
        columns=[
            Columns(
                name="indexing-rates",
                title="Deliveries a second",
                unit="deliveries/s",
                groups={name: {"": tuple(figure.values)} for name, figure in rates.items()},
            )
        ],
        lines=[
            Lines(
                name="indexing-lag",
                title=f"How far the index is behind at {lag.rate:.0f} deliveries a second",
                x="seconds",
                y="seconds behind",
                lines={
                    "lag": tuple(
                        (number * _LOOK_EVERY, one) for number, one in enumerate(lag.seconds)
                    )
                },
            )
        ],
    )


def _rate(context: Context, project: Project, server: Recipient) -> float:
    subscribe(project, [server.url + _PATH])
    publish(project, context.small, context.options.events)
    with project_workers(project, _PROCESSES) as workers:
        return watch(workers, server, [_PATH], context.options.events).arrivals.rate


def _beside(context: Context, project: Project, server: Recipient) -> Beside:
    subscribe(project, [server.url + _PATH])
    publish(project, context.small, context.options.events)
    with runtime_of(project) as runtime, project_workers(project, _PROCESSES) as workers:
        rate = watch(workers, server, [_PATH], context.options.events).arrivals.rate
        waiting, begun = backlog(runtime).waiting, time.monotonic()
        until_up_to_date(runtime, workers)
        return Beside(rate=rate, waiting=waiting, catching_up=waiting / (time.monotonic() - begun))


def _lag(context: Context, project: Project, server: Recipient, load: float) -> Lag:
    subscribe(project, [server.url + _PATH])
    seconds: list[float] = []
    waiting: list[int] = []
    published = 0
    with (
        runtime_of(project) as runtime,
        project_workers(project, _PROCESSES) as workers,
        project.events() as events,
    ):
        begun = time.monotonic()
        looked = begun
        while (gone := time.monotonic() - begun) < context.options.seconds:
            due = round(load * gone) - published
            if due > 0:
                publish_batch(events, context.small, published, due)
                published += due
            if time.monotonic() > looked + _LOOK_EVERY:
                looked = time.monotonic()
                behind = backlog(runtime)
                waiting.append(behind.waiting)
                seconds.append(_age(runtime, behind))
            workers.check()
            time.sleep(_TICK)
        took = time.monotonic() - begun
        while server.received([_PATH]) < published:
            workers.check()
            time.sleep(_TICK)
        ended = time.monotonic()
        until_up_to_date(runtime, workers)
    return Lag(
        seconds=seconds,
        waiting=waiting,
        rate=published / took,
        after=time.monotonic() - ended,
    )


def _rebuild(context: Context) -> Rebuilt:
    count = context.options.documents
    with context.on_servers(INDEXER="embedded") as project:
        subscribe(project, ["http://127.0.0.1:9/1", "http://127.0.0.1:9/2"])
        with project.events() as events:
            subscriptions = [one.id for one in events.subscriptions()]
        url = project.settings["LEDGER_URL"]
        history.load(
            url,
            name=EVENT,
            payloads=context.small,
            subscriptions=subscriptions,
            attempts=count,
            seed=context.options.seed,
            progress=lambda done: context.progress.say(f"{done:,} attempts loaded"),
        )
        context.services.postgresql.execute(url, "VACUUM ANALYZE", "CHECKPOINT")
        command = [sys.executable, "-m", "asyncevents_core", "reindex"]
        resident: list[float] = []
        begun = time.monotonic()
        with running([command], folder=project.folder, environment=project.environment) as workers:
            while workers.processes[0].poll() is None:
                resident.append(workers.resident / _MB)
                time.sleep(_LOOK_EVERY)
            seconds = time.monotonic() - begun
            told = workers.logs[0].read_text(errors="replace")
        done = re.search(r"([\d,]+) attempts indexed, 0 refused", told)
        if done is None or int(done[1].replace(",", "")) < count:
            raise RuntimeError(f"the reindex failed:\n{told[-3000:]}")
    return Rebuilt(seconds=seconds, resident=[one for one in resident if one])


def _age(runtime: Runtime, behind: IndexBacklog) -> float:
    if behind.oldest is None:
        return 0.0
    return (runtime.ledger.read(lambda view: view.now()) - behind.oldest) / 1e6

"""Bar 3: publish() beside a bare INSERT, publish_many() beside a bare bulk insert."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from asyncevents_core import AsyncEvents
from tests.benchmarks import inserting
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, ratio
from tests.benchmarks.payloads import Payloads
from tests.benchmarks.scenario import Context, Scenario

SINGLY: Final = 1.2
SINGLY_AIM: Final = 1.5
"""Beside SQLAlchemy, and with 8 KB."""
MANY: Final = 40_000.0
_MOST_SINGLY: Final = 2_000
_WARM: Final = 100

_PUBLISH, _PSYCOPG, _CORE = "publish()", "bare INSERT, psycopg", "bare INSERT, SQLAlchemy Core"
_MANY, _BULK, _COPY = "publish_many()", "bare bulk insert, executemany", "bare COPY"


class Publishing(Scenario):
    """One thread publishes to PostgreSQL, RabbitMQ being handed the ids in the background.

    Bare inserts write the same rows into the same table and do nothing else: JSON, ids and
    values are made before the clock starts. No worker runs.
    """

    name = "publishing"
    title = "Publishing"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        singly, many = {}, {}
        with context.on_servers() as project, project.events() as events:
            url = str(project.settings["LEDGER_URL"])
            inserting.publish_singly(events, context.small, _WARM)
            for payloads in (context.small, context.real):
                singly[payloads] = _singly(context, events, url, payloads)
                many[payloads] = _many(context, events, url, payloads)
        bars = []
        for payloads, figures in singly.items():
            for bare in (_PSYCOPG, _CORE):
                aim = bare == _CORE or payloads is not context.small
                limit = SINGLY_AIM if aim else SINGLY
                bars.append(
                    Bar(
                        text=f"{_PUBLISH}, {payloads.name}: at most {limit:g} × {bare}",
                        value=ratio(figures[_PUBLISH], figures[bare]),
                        limit=limit,
                        at_most=True,
                        aim=aim,
                    )
                )
        rates = {payloads: _rates(figures) for payloads, figures in many.items()}
        bars.append(
            Bar(
                text=f"{_MANY}, {context.small.name}: {MANY:,.0f} events/s",
                value=rates[context.small][_MANY].median,
                limit=MANY,
                unit="events/s",
            )
        )
        everything = [*singly.values(), *rates.values()]
        return Findings(
            figures=[figure for group in everything for figure in group.values()],
            bars=bars,
            columns=[
                _chart("publishing-singly", "One event at a time", singly),
                _chart("publishing-many", "500 events at a time", rates),
            ],
        )


def _singly(
    context: Context, events: AsyncEvents, url: str, payloads: Payloads
) -> dict[str, Figure]:
    count = min(_MOST_SINGLY, context.options.events)
    found = context.in_turn(
        {
            _PUBLISH: lambda: inserting.publish_singly(events, payloads, count),
            _PSYCOPG: lambda: inserting.insert_singly(url, inserting.rows(payloads, count)),
            _CORE: lambda: inserting.insert_with_sqlalchemy(url, inserting.rows(payloads, count)),
        }
    )
    return {
        name: Figure(
            name=f"{name}, {payloads.name}", unit="µs per event", values=[one * 1e6 for one in took]
        )
        for name, took in found.items()
    }


def _many(context: Context, events: AsyncEvents, url: str, payloads: Payloads) -> dict[str, Figure]:
    count = context.options.events

    def published() -> float:
        seconds = inserting.publish_in_batches(events, payloads, count)
        events.flush(60)
        return seconds

    measurements: dict[str, Callable[[], float]] = {
        _MANY: published,
        _BULK: lambda: inserting.insert_in_batches(url, inserting.rows(payloads, count)),
        _COPY: lambda: inserting.copy_in_batches(url, inserting.rows(payloads, count)),
    }
    return {
        name: Figure(name=f"{name}, {payloads.name}", unit="s per event", values=took)
        for name, took in context.in_turn(measurements).items()
    }


def _rates(figures: dict[str, Figure]) -> dict[str, Figure]:
    return {
        name: Figure(name=one.name, unit="events/s", values=[1 / took for took in one.values])
        for name, one in figures.items()
    }


def _chart(name: str, title: str, groups: dict[Payloads, dict[str, Figure]]) -> Columns:
    unit = next(iter(next(iter(groups.values())).values())).unit
    return Columns(
        name=name,
        title=title,
        unit=unit,
        groups={
            payloads.name: {called: figure.values for called, figure in figures.items()}
            for payloads, figures in groups.items()
        },
    )

"""Bar 4: the time from publish() to the recipient."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from tests.benchmarks.figures import Bar, Figure, Findings, Lines, cumulative, percentile
from tests.benchmarks.latency import Ages, ages
from tests.benchmarks.receiving import recipient
from tests.benchmarks.scenario import Context, Scenario
from tests.integration.project import Project

RATE: Final = 500.0
_WARM_SECONDS: Final = 2.0
_SERVERS: Final = "RabbitMQ, PostgreSQL"
_EMBEDDED: Final = "embedded (SQLite)"
_LIMITS: Final = {_SERVERS: {0.5: 8.0, 0.99: 20.0}, _EMBEDDED: {0.5: 15.0, 0.99: 60.0}}
"""Milliseconds."""


class Latency(Scenario):
    """One process publishes single events at a steady rate while one worker process delivers.

    The age of an event on arrival counts from just before `publish()` was called, so that it
    contains the commit. "since due" counts from when the call should have been made: it contains
    what a late call costs those behind it. The first two seconds are left out.
    """

    name = "latency"
    title = f"Latency at {RATE:g} single publishes a second"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        makers: dict[str, Callable[[], AbstractContextManager[Project]]] = {
            _SERVERS: context.on_servers,
            _EMBEDDED: context.project,
        }
        count = max(200, round(RATE * context.options.seconds))

        def measure(make: Callable[[], AbstractContextManager[Project]]) -> Ages:
            with make() as project, recipient() as server:
                warm = min(count, round(RATE * _WARM_SECONDS))
                return ages(project, server, rate=RATE, count=count, warm=warm)

        found = context.in_turn(
            {name: functools.partial(measure, make) for name, make in makers.items()}
        )
        bars = [
            Bar(
                text=f"{name}: p{share * 100:g} at most {limit:g} ms",
                value=_at(found[name], share, lambda one: one.since_call).median,
                limit=limit,
                unit="ms",
                at_most=True,
            )
            for name, limits in _LIMITS.items()
            for share, limit in limits.items()
        ]
        return Findings(
            figures=[figure for name, runs in found.items() for figure in _figures(name, runs)],
            bars=bars,
            lines=[_chart(found)],
        )


def _figures(name: str, runs: list[Ages]) -> list[Figure]:
    figures = [Figure(name=name, unit="publishes/s reached", values=[one.rate for one in runs])]
    kinds: dict[str, Callable[[Ages], Sequence[float]]] = {
        "publish to arrival": lambda one: one.since_call,
        "since due": lambda one: one.since_due,
        "publish() alone": lambda one: one.publish,
    }
    for kind, of in kinds.items():
        for share in (0.5, 0.9, 0.99, 0.999):
            figures.append(_at(runs, share, of, name=f"{name}: {kind}, p{share * 100:g}"))
    return figures


def _at(
    runs: list[Ages], share: float, of: Callable[[Ages], Sequence[float]], name: str = ""
) -> Figure:
    values = [percentile(of(one), share) * 1e3 for one in runs]
    return Figure(name=name, unit="ms", values=values)


def _chart(found: dict[str, list[Ages]]) -> Lines:
    lines = {}
    for name, runs in found.items():
        everything = [age * 1e3 for one in runs for age in one.since_call]
        lines[name] = tuple((age, share * 100) for age, share in cumulative(everything))
    return Lines(
        name="latency",
        title="Share of events that arrived within",
        x="milliseconds since publish() was called",
        y="% of events",
        lines=lines,
        logarithmic=True,
    )

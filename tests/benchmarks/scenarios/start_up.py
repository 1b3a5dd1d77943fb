"""Bar 8, second half: how long a start takes."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from tests.benchmarks.driving import project_workers, publish, subscribe
from tests.benchmarks.figures import Bar, Columns, Figure, Findings
from tests.benchmarks.receiving import ROOT, recipient
from tests.benchmarks.scenario import Context, Scenario
from tests.integration.project import Project, eventually

FIRST: Final = 1.5
IMPORT: Final = 150.0
_SERVERS, _EMBEDDED = "RabbitMQ, PostgreSQL", "embedded (SQLite)"
_PACKAGE, _PUBLISHER = "import asyncevents_core", "from asyncevents_core import AsyncEvents"
_TIMES: Final = 3
_TIMED_IMPORT: Final = (
    "import time; begun = time.perf_counter(); {}; print(time.perf_counter() - begun)"
)


class StartUp(Scenario):
    """Seconds from starting `asyncevents worker` to the arrival of an event that waits for it.

    And the time of importing the package, and what an application needs of it to publish, in a
    new interpreter whose own start is not counted. Three times in each round, byte code being
    compiled.
    """

    name = "start-up"
    title = "Start of a worker"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        measurements: dict[str, Callable[[], list[float]]] = {
            _SERVERS: lambda: _first_deliveries(context, context.on_servers),
            _EMBEDDED: lambda: _first_deliveries(context, context.project),
            _PACKAGE: lambda: _imports(_PACKAGE),
            _PUBLISHER: lambda: _imports(_PUBLISHER),
        }
        found = {
            name: [one for some in rounds for one in some]
            for name, rounds in context.in_turn(measurements).items()
        }
        starts = [
            Figure(name=f"start to first delivery, {name}", unit="s", values=found[name])
            for name in (_SERVERS, _EMBEDDED)
        ]
        imports = [
            Figure(name=name, unit="ms", values=[one * 1e3 for one in found[name]])
            for name in (_PACKAGE, _PUBLISHER)
        ]
        return Findings(
            figures=[*starts, *imports],
            bars=[
                Bar(
                    text=f"{figure.name}: below {limit:g} {figure.unit}",
                    value=figure.median,
                    limit=limit,
                    unit=figure.unit,
                    at_most=True,
                    aim=figure.name == _PUBLISHER,
                )
                for figures, limit in ((starts, FIRST), (imports, IMPORT))
                for figure in figures
            ],
            columns=[
                Columns(
                    name="start-up",
                    title=self.title,
                    unit="seconds to the first delivery",
                    groups={
                        name: {"start": figure.values}
                        for name, figure in zip((_SERVERS, _EMBEDDED), starts, strict=True)
                    },
                )
            ],
        )


def _first_deliveries(
    context: Context, make: Callable[[], AbstractContextManager[Project]]
) -> list[float]:
    took = []
    for number in range(_TIMES):
        with make() as project, recipient() as server:
            subscribe(project, [f"{server.url}/ok"])
            publish(project, context.small, 1)
            with project_workers(project, 1) as workers:
                eventually(
                    functools.partial(server.received, ["/ok"]), what=f"the event of start {number}"
                )
                took.append(server.arrivals(["/ok"]).times[0] - workers.started)
    return took


def _imports(statement: str) -> list[float]:
    took = []
    for _ in range(_TIMES):
        done = subprocess.run(
            [sys.executable, "-c", _TIMED_IMPORT.format(statement)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        took.append(float(done.stdout))
    return took

"""The REST API on a ledger that has grown: pages of the log, and all of it as CSV."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from attrs import frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.engine.managing.tokens import create_token
from tests.benchmarks import history, reading
from tests.benchmarks.driving import Workers
from tests.benchmarks.figures import Bar, Figure, Findings, percentile
from tests.benchmarks.scenario import Context, Scenario
from tests.benchmarks.serving import load, serving
from tests.integration.project import Project

ROWS: Final = 1_000_000
PAGE: Final = 100.0
GROWTH: Final = 10.0
_LIMIT: Final = 50
_PAGES: Final = 200
_LONGEST: Final = 10.0
_WARM: Final = 20_000
_CHUNK: Final = 1 << 16
_MB: Final = 1e6


@frozen(kw_only=True)
class Server:
    """The server, and a client of it."""

    client: httpx.Client
    processes: Workers


@frozen(kw_only=True)
class Export:
    """Rows a second, and the server's resident memory near the beginning and at most, in MB."""

    rate: float
    early: float
    largest: float

    @property
    def growth(self) -> float:
        """How much the memory grew, in MB."""
        return self.largest - self.early


class Rest(Scenario):
    """Pages of 50 rows of the log and the export of all of it, over HTTP, with 1,000,000 attempts.

    The ledger is that of the scenario `growth`, of at most so many attempts. One process of
    `asyncevents serve`, one client that asks for a page after the other: the latest, those
    behind a random row, of a subscription that has a tenth of the rows, those that failed, those of
    one day of the 60.
    Memory is measured while the export runs: growth is the largest over that after 20,000 rows.
    """

    name = "rest"
    title = "The REST API"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        attempts = min(ROWS, context.options.history)
        with context.on_servers(WEB_RATE_LIMIT=0) as project:
            loaded = load(context, project, attempts=attempts)
            with _serving(project) as server:
                pages = context.in_turn(
                    {
                        name: functools.partial(_time_pages, server, query, loaded.attempts)
                        for name, query in _QUERIES.items()
                    }
                )
                exports = context.in_turn(
                    {"export": lambda: _export(server, loaded.attempts)},
                )["export"]
        figures = [
            Figure(
                name=f"{name}, {called}",
                unit="ms",
                values=[percentile(times, share) * 1e3 for times in runs],
            )
            for name, runs in pages.items()
            for called, share in (("median", 0.5), ("95 %", 0.95))
        ]
        growth = Figure(name="export: growth", unit="MB", values=[one.growth for one in exports])
        return Findings(
            figures=[
                *figures,
                Figure(name="export", unit="rows/s", values=[one.rate for one in exports]),
                Figure(name="export: largest", unit="MB", values=[one.largest for one in exports]),
                growth,
            ],
            bars=[
                *(
                    Bar(
                        text=f"{one.name}: below {PAGE:g} ms",
                        value=one.median,
                        limit=PAGE,
                        unit="ms",
                        at_most=True,
                    )
                    for one in figures
                    if one.name.endswith("95 %")
                ),
                Bar(
                    text=f"export: the memory grows by at most {GROWTH:g} MB",
                    value=growth.median,
                    limit=GROWTH,
                    unit="MB",
                    at_most=True,
                ),
            ],
            notes={"ledger": f"{loaded.attempts:,} attempts"},
        )


_Query = Callable[[random.Random, int], Mapping[str, str]]
_QUERIES: Final[Mapping[str, _Query]] = {
    "the latest 50": lambda source, rows: {},
    "50 behind a random row": lambda source, rows: {"before": str(source.randrange(_LIMIT, rows))},
    "50 of a subscription": lambda source, rows: {
        "subscription_id": str(source.randrange(1, reading.SUBSCRIPTIONS)),
    },
    "50 that failed": lambda source, rows: {"success": "false"},
    "50 of a day": lambda source, rows: _day(source.randrange(10, history.DAYS)),
}


def _day(ago: int) -> Mapping[str, str]:
    since = datetime.now(UTC) - timedelta(days=ago)
    return {"since": since.isoformat(), "until": (since + timedelta(days=1)).isoformat()}


@contextmanager
def _serving(project: Project) -> Iterator[Server]:
    with project.events() as events:
        _, token = create_token(
            events.runtime.ledger,
            name="benchmark",
            resources=["logs"],
            tenant=None,
            days=1,
            known=(),
            by=Actor.trusted("benchmark"),
        )
    with serving(project) as served:
        base = f"{served.address}/rest/V1"
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=base, headers=headers, timeout=60) as client:
            yield Server(client=client, processes=served.processes)


def _time_pages(server: Server, query: _Query, rows: int) -> list[float]:
    source = random.Random(0)
    times: list[float] = []
    until = time.monotonic() + _LONGEST
    while len(times) < _PAGES and time.monotonic() < until:
        parameters = {"limit": str(_LIMIT), **query(source, rows)}
        begun = time.perf_counter()
        answer = server.client.get("/logs", params=parameters)
        times.append(time.perf_counter() - begun)
        answer.raise_for_status()
        if len(answer.json()["items"]) != _LIMIT:
            raise ValueError(f"{parameters}: a page is not full")
    return times


def _export(server: Server, rows: int) -> Export:
    lines, early, largest = -1, 0.0, 0.0
    begun = time.monotonic()
    with server.client.stream("GET", "/logs/export") as answer:
        answer.raise_for_status()
        for chunk in answer.iter_raw(_CHUNK):
            lines += chunk.count(b"\n")
            held = server.processes.resident / _MB
            if not early and lines >= min(_WARM, rows // 2):
                early = held
            largest = max(largest, held)
    if lines != rows:
        raise ValueError(f"{lines:,} of {rows:,} rows came")
    return Export(rate=rows / (time.monotonic() - begun), early=early, largest=largest)

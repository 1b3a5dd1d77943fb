"""The admin pages on a ledger that has grown."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from asyncevents_core.adapters.argon2_hasher import Argon2Hasher
from asyncevents_core.domain.access import Actor
from asyncevents_core.engine.managing.users import create_link, create_user
from asyncevents_core.engine.upkeep.dashboard import FRESH
from asyncevents_core.web.pages.people import COOKIE
from tests.benchmarks import history, reading
from tests.benchmarks.figures import Bar, Figure, Findings, percentile
from tests.benchmarks.scenario import Context, Scenario
from tests.benchmarks.serving import load, serving
from tests.integration.project import Project

ATTEMPTS: Final = 1_000_000
LATELY: Final = 0.1
PAGE: Final = 100.0
_MOST: Final = 100
_LONGEST: Final = 10.0
_OLD: Final = FRESH * 1.1
"""Seconds after which a dashboard is made anew."""
_SEVERAL: Final = 10
_FIRST: Final = 14
"""Dashboards until the whole hour is counted."""


class Pages(Scenario):
    """The admin pages over HTTP, with 1,000,000 attempts, a tenth of them of the last hour.

    One process of `asyncevents serve`, one person who asks for a page after the other. The
    dashboard is asked for again when it has to be made anew. The first ones have the whole hour to
    count, and are told apart. "By time" is what the log loads after its page, and has no limit.
    """

    name = "pages"
    title = "The admin pages"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        attempts = min(ATTEMPTS, context.options.history)
        with context.on_servers(WEB_RATE_LIMIT=0) as project:
            loaded = load(context, project, attempts=attempts, lately=round(attempts * LATELY))
            with _signed_in(project) as browser:
                first = _dashboards(browser, _FIRST)
                pages = context.in_turn(
                    {
                        "the dashboard, refreshed": lambda: _dashboards(browser, _SEVERAL),
                        **{
                            name: functools.partial(_time, browser, make, loaded)
                            for name, make in _PAGES.items()
                        },
                    }
                )
        figures = [
            Figure(
                name=f"{name}, {called}",
                unit="ms",
                values=[percentile(times, share) * 1e3 for times in runs],
            )
            for name, runs in pages.items()
            for called, share in (("median", 0.5), ("95 %", 0.95))
        ]
        return Findings(
            figures=[
                *figures,
                Figure(name="the first dashboards", unit="ms", values=[one * 1e3 for one in first]),
            ],
            bars=[
                Bar(
                    text=f"{one.name}: below {PAGE:g} ms",
                    value=one.median,
                    limit=PAGE,
                    unit="ms",
                    at_most=True,
                )
                for one in figures
                if one.name.endswith("95 %") and "by time" not in one.name
            ],
            notes={"ledger": f"{loaded.attempts:,} attempts"},
        )


_Make = Callable[[random.Random, history.History], str]
_PAGES: Final[Mapping[str, _Make]] = {
    "the log": lambda source, loaded: "/logs",
    "the log, those that failed": lambda source, loaded: "/logs?success=false",
    "the log by time": lambda source, loaded: "/logs/by-time",
    "the log by time, of a subscription": lambda source, loaded: (
        f"/logs/by-time?subscription_id={source.randrange(1, reading.SUBSCRIPTIONS)}"
    ),
    "the log, of a subscription": lambda source, loaded: (
        f"/logs?subscription_id={source.randrange(1, reading.SUBSCRIPTIONS)}"
    ),
    "the list of subscriptions": lambda source, loaded: "/subscriptions",
    "a trace": lambda source, loaded: f"/traces/{source.choice(loaded.sample)}",
    "dead letters": lambda source, loaded: "/dead-letters",
}


@contextmanager
def _signed_in(project: Project) -> Iterator[httpx.Client]:
    with project.events() as events:
        by = Actor.trusted("benchmark")
        ledger = events.runtime.ledger
        create_user(
            ledger,
            Argon2Hasher(),
            name="operator",
            password="-".join(["benchmark"] * 3),
            resources=["manage"],
            tenant=None,
            known=(),
            by=by,
        )
        code = create_link(ledger, "operator", by=by)
    with (
        serving(project) as served,
        httpx.Client(base_url=f"{served.address}/admin", timeout=60) as browser,
    ):
        browser.post(f"/sign-in/link/{code}")
        if COOKIE not in browser.cookies:
            raise ValueError("nobody is signed in")
        yield browser


def _dashboards(browser: httpx.Client, several: int) -> list[float]:
    times: list[float] = []
    for _ in range(several):
        time.sleep(_OLD)
        times.append(_seconds(browser, "/"))
    return times


def _time(browser: httpx.Client, make: _Make, loaded: history.History) -> list[float]:
    source = random.Random(0)
    times: list[float] = []
    until = time.monotonic() + _LONGEST
    while len(times) < _MOST and time.monotonic() < until:
        times.append(_seconds(browser, make(source, loaded)))
    return times


def _seconds(browser: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    answer = browser.get(path)
    taken = time.perf_counter() - begun
    if answer.status_code != httpx.codes.OK:
        raise ValueError(f"{path}: {answer.status_code}")
    return taken

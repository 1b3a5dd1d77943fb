"""What people look up in a ledger, timed; and how growth prepares its ledgers."""

from __future__ import annotations

import functools
import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Final

import psycopg

from asyncevents_core import NewSubscription
from asyncevents_core.adapters.sqlalchemy import schema
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.ports.ledger import LedgerView
from tests.benchmarks.constants import EVENT, SECRET
from tests.benchmarks.history import History
from tests.integration.project import Project

SUBSCRIPTIONS: Final = 10
TRACE: Final = "a trace"
LOGS: Final = "the latest 50 log rows"
_PAGE: Final = 50
_MOST: Final = 200
_LONGEST: Final = 10.0

_Read = Callable[[uuid.UUID, LedgerView], object]
READS: Final[Mapping[str, _Read]] = {
    TRACE: lambda one, view: view.traces.of_delivery(one),
    LOGS: lambda _, view: view.log.page(LogFilter(), limit=_PAGE, before=None),
    "the latest 50 log rows of a subscription": lambda _, view: view.log.page(
        LogFilter(subscription_id=SUBSCRIPTIONS), limit=_PAGE, before=None
    ),
    "the latest 50 events": lambda _, view: view.events.page(name=None, limit=_PAGE, before=None),
    "50 dead letters": lambda _, view: view.dead_letters.page(
        DeadFilter(), limit=_PAGE, before=None
    ),
    "the backlog, as in `status`": lambda _, view: view.backlog(),
}


def subscribe(project: Project) -> list[int]:
    """Make ten subscriptions, of which only the first gets events; return their ids."""
    with project.events() as events:
        made = [
            events.subscribe(
                NewSubscription(
                    event_name="other" if number else EVENT,
                    sink="http",
                    target=f"http://127.0.0.1:9/{number}",
                    secret=SECRET,
                )
            )
            for number in range(SUBSCRIPTIONS)
        ]
    return [one.id for one in made]


def point_to(project: Project, target: str) -> None:
    """Let the first subscription have another target, keeping its history."""
    url = project.settings["LEDGER_URL"].replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute(
            f"UPDATE {schema.subscription.name} SET target = %s WHERE event_name = %s",
            (target, EVENT),
        )
        connection.execute(
            f"UPDATE {schema.meta.name} SET subscription_epoch = subscription_epoch + 1"
        )


def read(project: Project, history: History, name: str) -> list[float]:
    """Do one of READS many times; return the seconds of each."""
    wanted = READS[name]
    source = random.Random(0)
    times: list[float] = []
    with project.events() as events:
        ledger = events.runtime.ledger
        ledger.read(lambda view: view.now())
        until = time.monotonic() + _LONGEST
        while len(times) < _MOST and time.monotonic() < until:
            one = source.choice(history.sample)
            begun = time.perf_counter()
            ledger.read(functools.partial(wanted, one))
            times.append(time.perf_counter() - begun)
    return times

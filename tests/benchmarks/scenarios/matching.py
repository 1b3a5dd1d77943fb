"""Bar 5, second half: who receives an event, among very many subscriptions."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.delivering.subscription_index import SubscriptionIndex
from asyncevents_core.engine.managing.subscriptions import set_status
from tests.benchmarks.bulk import load_subscriptions
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, percentile
from tests.benchmarks.scenario import Context, Scenario

LIMIT: Final = 1.0
PATTERNS: Final = "a tenth are patterns"
LIMIT_WITH_PATTERNS: Final = 0.1
_PER_NAME: Final = 100
_LOOKUPS: Final = 1_000
_LONGEST: Final = 5.0
_OPERATOR: Final = Actor.trusted("benchmark")


@frozen(kw_only=True)
class Timing:
    """Milliseconds: a look-up, loading all at the start, and what one of them costs later.

    `first` is the median of the first look-up of each event.
    """

    lookup: float
    first: float
    slowest: float
    load: float
    change: float


class Matching(Scenario):
    """Looks up the subscriptions of an event among 100,000, as a claim does. In memory, no I/O.

    "by name": 100 subscriptions to each of 1,000 events. "by tenant": all to the same event,
    each for a tenant of its own, the event being for one of them. "a tenth are patterns": as by
    name, but ten of each hundred want patterns, all of them different ones, which are compared with
    a name when it comes first: that is "first". Every worker process loads and decrypts all of them
    when it starts, and after a change the one that was changed.
    """

    name = "matching"
    title = "Matching among many subscriptions"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        count = context.options.subscriptions
        kinds: dict[str, Callable[[int], tuple[str, str | None]]] = {
            "by name": lambda number: (f"event.{number // _PER_NAME}", None),
            "by tenant": lambda number: ("event.0", f"tenant-{number}"),
            PATTERNS: _mostly_by_name,
        }
        found = context.in_turn(
            {name: functools.partial(_measure, context, count, of) for name, of in kinds.items()}
        )
        lookups = {
            name: Figure(
                name=f"{name}, {count:,} subscriptions: look-up, median",
                unit="ms",
                values=[one.lookup for one in timings],
            )
            for name, timings in found.items()
        }
        others = [
            figure
            for name, timings in found.items()
            for figure in (
                Figure(
                    name=f"{name}: look-up, p99", unit="ms", values=[t.slowest for t in timings]
                ),
                Figure(name=f"{name}: first", unit="ms", values=[t.first for t in timings]),
                Figure(
                    name=f"{name}: load all at the start",
                    unit="ms",
                    values=[t.load for t in timings],
                ),
                Figure(
                    name=f"{name}: load after a change to one",
                    unit="ms",
                    values=[t.change for t in timings],
                ),
            )
        ]
        return Findings(
            figures=[*lookups.values(), *others],
            bars=[
                Bar(
                    text=f"{name}: below {limit:g} ms",
                    value=figure.median,
                    limit=limit,
                    unit="ms",
                    at_most=True,
                )
                for name, figure in lookups.items()
                for limit in [LIMIT_WITH_PATTERNS if name == PATTERNS else LIMIT]
            ],
            columns=[
                Columns(
                    name="matching",
                    title=self.title,
                    unit="ms per look-up",
                    groups={name: {"median": one.values} for name, one in lookups.items()},
                )
            ],
        )


def _measure(context: Context, count: int, of: Callable[[int], tuple[str, str | None]]) -> Timing:
    with context.on_servers() as project, project.events() as events:
        keys = project.settings["SECRET_KEYS"]
        load_subscriptions(project.settings["LEDGER_URL"], keys, map(of, range(count)))
        index = SubscriptionIndex()
        begun = time.monotonic()
        events.runtime.ledger.run(index.refresh)
        load = time.monotonic() - begun
        set_status(events.runtime.ledger, [1], SubscriptionStatus.DISABLED, by=_OPERATOR)
        set_status(events.runtime.ledger, [1], SubscriptionStatus.ENABLED, by=_OPERATOR)
        begun = time.monotonic()
        events.runtime.ledger.run(index.refresh)
        change = time.monotonic() - begun
    first = list(_lookups(index, count, of))
    times = list(_lookups(index, count, of))
    return Timing(
        first=percentile(first, 0.5) * 1e3,
        lookup=percentile(times, 0.5) * 1e3,
        slowest=percentile(times, 0.99) * 1e3,
        load=load * 1e3,
        change=change * 1e3,
    )


def _mostly_by_name(number: int) -> tuple[str, str | None]:
    """Return what a subscription wants: a name, or, each tenth of them, a pattern of its own."""
    name = f"event.{number // _PER_NAME}"
    return (f"{name}, other.{number}.**" if number % 10 == 0 else name), None


def _lookups(
    index: SubscriptionIndex, count: int, of: Callable[[int], tuple[str, str | None]]
) -> Iterator[float]:
    until = time.monotonic() + _LONGEST
    for number in range(_LOOKUPS):
        wanted, tenant = of(number * 7919 % count)
        name = wanted.partition(",")[0]
        begun = time.perf_counter()
        matches = index.matches(name, tenant)
        yield time.perf_counter() - begun
        if not matches:
            raise RuntimeError(f"nobody wants {name} of {tenant}")
        if time.monotonic() > until:
            break

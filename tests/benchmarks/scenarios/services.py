"""What slow services cost the events that have none."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from asyncevents_core import NewSubscription
from tests.benchmarks.constants import EVENT
from tests.benchmarks.figures import Bar, Figure, Findings, percentile
from tests.benchmarks.latency import Ages, Stream, ages
from tests.benchmarks.receiving import recipient
from tests.benchmarks.scenario import Context, Scenario

RATE: Final = 100.0
"""Events without a service, a second."""
SHARE: Final = 0.1
"""Events with the slow service among all of them."""
BURST: Final = 200
SLOW: Final = "order.loaded"
_WARM_SECONDS: Final = 1.0
_AT_ONCE: Final = 10_000.0
_ALONE, _BESIDE, _BURST = "alone", "10 % with a service of 5 s", "200 of them at once"
_SERVICE: Final = """
import time

def load(at: float, due: float, text: str) -> dict:
    time.sleep(5)
    return {"text": text}
"""


class SlowServices(Scenario):
    """Plain events at a steady rate, alone and beside events that call a service.

    The service blocks its thread for five seconds. Once every tenth event calls it; once 200 of
    them are published at once, as the measurement begins. The age of a plain event on arrival,
    since `publish()` was called. One worker process on PostgreSQL and RabbitMQ.
    """

    name = "services"
    title = f"Plain events at {RATE:g} a second beside a slow service"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        count = max(200, round(RATE * context.options.seconds))
        share = Stream(
            name=SLOW,
            rate=RATE * SHARE / (1 - SHARE),
            count=round((count + RATE * _WARM_SECONDS) * SHARE / (1 - SHARE)),
        )
        others: dict[str, Sequence[Stream]] = {
            _ALONE: (),
            _BESIDE: (share,),
            _BURST: (Stream(name=SLOW, rate=_AT_ONCE, count=BURST),),
        }
        found = context.in_turn(
            {name: functools.partial(_ages, context, count, one) for name, one in others.items()}
        )
        p99 = {name: _figure(name, runs, 0.99) for name, runs in found.items()}
        longest = _figure(_BURST, found[_BURST], 1.0)
        return Findings(
            figures=[
                _figure(name, runs, share)
                for name, runs in found.items()
                for share in (0.5, 0.99, 1.0)
            ],
            bars=[
                Bar(
                    text=f"{_BESIDE}: p99 of plain events at most twice as long",
                    value=p99[_BESIDE].median / p99[_ALONE].median,
                    limit=2.0,
                    at_most=True,
                ),
                Bar(
                    text=f"{_BURST}: the longest wait of a plain event",
                    value=longest.median,
                    limit=1_000.0,
                    unit="ms",
                    at_most=True,
                ),
            ],
        )


def _ages(context: Context, count: int, beside: Sequence[Stream]) -> Ages:
    events = {EVENT: {}, SLOW: {"service": "slow_service:load"}}
    with context.on_servers(EVENTS=events, SHUTDOWN_GRACE=0.5) as project, recipient() as server:
        (project.folder / "slow_service.py").write_text(_SERVICE)
        with project.events() as api:
            target = server.url + "/loaded/ok"
            api.subscribe(
                NewSubscription(event_name=SLOW, sink="http", target=target, secret="s" * 16)
            )
        warm = round(RATE * _WARM_SECONDS)
        return ages(project, server, rate=RATE, count=count, warm=warm, beside=beside)


def _figure(name: str, runs: list[Ages], share: float) -> Figure:
    values = [percentile(one.since_call, share) * 1e3 for one in runs]
    what = "longest" if share == 1.0 else f"p{share * 100:g}"
    return Figure(name=f"{name}: {what}", unit="ms", values=values)

"""Bar 5, first half: what fan-out costs."""

from __future__ import annotations

from typing import Final

from tests.benchmarks.driving import Run, deliver
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, ratio
from tests.benchmarks.receiving import recipient
from tests.benchmarks.scenario import Context, Scenario

WIDE: Final = 100
LIMIT: Final = 1.2
_ONE, _MANY = f"1 event to {WIDE}", f"{WIDE} events to 1"
_PARTS: Final = ("workers", "postgresql", "rabbitmq")


class FanOut(Scenario):
    """CPU of one event for 100 subscriptions beside that of 100 events for one.

    Both are as many deliveries, by one worker process, at 300 bytes, to 100 different paths or
    to one. CPU of the worker, from a tenth of the arrivals until the ledger has all outcomes.
    """

    name = "fan-out"
    title = f"Fan-out to {WIDE} subscriptions"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        events = max(5, context.options.events // WIDE)
        found = context.in_turn(
            {
                _ONE: lambda: _deliver(context, subscriptions=WIDE, events=events),
                _MANY: lambda: _deliver(context, subscriptions=1, events=events * WIDE),
            }
        )
        workers = {name: _figure(name, runs, "workers") for name, runs in found.items()}
        others = [_figure(name, runs, part) for part in _PARTS[1:] for name, runs in found.items()]
        rates = [
            Figure(name=name, unit="deliveries/s", values=[run.arrivals.rate for run in runs])
            for name, runs in found.items()
        ]
        return Findings(
            figures=[*workers.values(), *others, *rates],
            bars=[
                Bar(
                    text=f"CPU of the workers: at most {LIMIT:g} × that of {_MANY}",
                    value=ratio(workers[_ONE], workers[_MANY]),
                    limit=LIMIT,
                    at_most=True,
                )
            ],
            columns=[
                Columns(
                    name="fan-out",
                    title=self.title,
                    unit="µs of CPU per delivery",
                    groups={
                        name: {
                            part: tuple(run.usage.per_delivery(part) for run in runs)
                            for part in _PARTS
                        }
                        for name, runs in found.items()
                    },
                    stacked=True,
                )
            ],
        )


def _deliver(context: Context, *, subscriptions: int, events: int) -> Run:
    with context.on_servers() as project, recipient() as server:
        return deliver(
            project,
            server,
            [f"/{number}/ok" for number in range(subscriptions)],
            payloads=context.small,
            events=events,
            parts=context.services.pids("postgresql", "rabbitmq"),
        )


def _figure(name: str, runs: list[Run], part: str) -> Figure:
    return Figure(
        name=f"{name}, {part}",
        unit="µs of CPU per delivery",
        values=[run.usage.per_delivery(part) for run in runs],
    )

"""Bar 1: delivery on RabbitMQ and PostgreSQL, beside what others would use, and a bare loop."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from tests.benchmarks.figures import Bar, Figure, Findings, ratio
from tests.benchmarks.peers import celery, faststream, procrastinate
from tests.benchmarks.peers.asyncio_peer import AsyncioPeer
from tests.benchmarks.peers.bare import BarePeer
from tests.benchmarks.peers.comparing import Comparison, compare, cpu_chart, rates_chart
from tests.benchmarks.peers.project import AsyncEventsPeer
from tests.benchmarks.scenario import Context, Scenario

WORKERS: Final = "workers"
CPU: Final = 0.5
"""Of the bare loop's, per delivery, in the worker processes."""


@frozen(kw_only=True)
class Limits:
    """How many times as much as each peer should be delivered."""

    threads: float
    prefork: float
    asyncio: float
    bare: float


_LIMITS: Final = (
    Limits(threads=8.0, prefork=10.0, asyncio=1.8, bare=1.25),
    Limits(threads=7.0, prefork=9.0, asyncio=1.5, bare=1.1),
)
"""With small payloads, and with those of 8 KB."""


class Delivery(Scenario):
    """Deliveries a second with two worker processes, all features on (trace, retries, signature).

    All events are published before the workers start, to one subscription; from the first
    arrival at the recipient to the last. So it contains the start of the second process. The
    steady rate leaves out the first quarter and the last tenth of the arrivals. CPU is read from
    a tenth of the arrivals to the end, when the ledger has all outcomes.
    """

    name = "delivery"
    title = "Delivery on RabbitMQ and PostgreSQL"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        project, by_hand, bare = AsyncEventsPeer(context), AsyncioPeer(context), BarePeer(context)
        peers = [
            project,
            *celery.celery_peers(context),
            faststream.faststream_peer(context),
            procrastinate.procrastinate_peer(context),
            by_hand,
            bare,
        ]
        comparisons = [
            compare(context, peers, payloads) for payloads in (context.small, context.real)
        ]
        return Findings(
            figures=[figure for one in comparisons for figure in one.figures],
            bars=[
                bar
                for one, limits in zip(comparisons, _LIMITS, strict=True)
                for bar in _bars(one, limits, project.name)
            ],
            notes={
                **celery.trial_notes(context),
                **faststream.trial_notes(context),
                **procrastinate.trial_notes(context),
                "8 KB": f"{context.real.mean:.0f} bytes on average, see payloads.py",
            },
            columns=[
                rates_chart("delivery-rates", self.title, comparisons),
                cpu_chart("delivery-cpu", "Where the CPU goes", comparisons),
            ],
        )


def _bars(comparison: Comparison, limits: Limits, project: str) -> list[Bar]:
    rates, size = comparison.rates, comparison.payloads.name
    wanted = {
        "Celery threads": limits.threads,
        "Celery prefork": limits.prefork,
        AsyncioPeer.name: limits.asyncio,
        BarePeer.name: limits.bare,
    }
    bars = [
        Bar(
            text=f"{size}: {limit:g} × {peer}",
            value=ratio(rates[project], rates[peer]),
            limit=limit,
        )
        for peer, limit in wanted.items()
        if peer in rates
    ]
    costs = {
        peer: Figure(
            name=peer,
            unit="µs",
            values=[run.usage.per_delivery(WORKERS) for run in comparison.runs[peer]],
        )
        for peer in (project, BarePeer.name)
    }
    part = ratio(costs[project], costs[BarePeer.name])
    text = f"{size}: CPU of workers at most {CPU:g} × that of the bare loop"
    return [*bars, Bar(text=text, value=part, limit=CPU, at_most=True)]

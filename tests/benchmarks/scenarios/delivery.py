"""Bar 1: delivery on RabbitMQ and PostgreSQL, beside Celery and beside the bare loop."""

from __future__ import annotations

from tests.benchmarks.figures import Bar, Findings, ratio
from tests.benchmarks.peers.bare import BarePeer
from tests.benchmarks.peers.celery import celery_peers, trial_notes
from tests.benchmarks.peers.comparing import Comparison, compare, cpu_chart, rates_chart
from tests.benchmarks.peers.project import AsyncEventsPeer
from tests.benchmarks.scenario import Context, Scenario

CELERY = 4.0
BARE = 0.9


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
        project, bare = AsyncEventsPeer(context), BarePeer(context)
        peers = [project, *celery_peers(context), bare]
        comparisons = [
            compare(context, peers, payloads) for payloads in (context.small, context.real)
        ]
        return Findings(
            figures=[figure for one in comparisons for figure in one.figures],
            bars=[bar for one in comparisons for bar in _bars(one, project.name, bare.name)],
            notes={
                **trial_notes(context),
                "8 KB": f"{context.real.mean:.0f} bytes on average, see payloads.py",
            },
            columns=[
                rates_chart("delivery-rates", self.title, comparisons),
                cpu_chart("delivery-cpu", "Where the CPU goes", comparisons),
            ],
        )


def _bars(comparison: Comparison, project: str, bare: str) -> list[Bar]:
    rates = comparison.rates
    size = comparison.payloads.name
    bars = [
        Bar(text=f"{size}: {CELERY:g} × {peer}", value=ratio(rates[project], rate), limit=CELERY)
        for peer, rate in rates.items()
        if peer.startswith("Celery")
    ]
    part = ratio(rates[project], rates[bare])
    return [*bars, Bar(text=f"{size}: {BARE:g} × the bare loop", value=part, limit=BARE, aim=True)]

"""Bar 2: the same on Redis and on the SQL transport."""

from __future__ import annotations

from tests.benchmarks.figures import Bar, Findings, ratio
from tests.benchmarks.peers.celery import celery_peers, trial_notes
from tests.benchmarks.peers.comparing import compare, cpu_chart, rates_chart
from tests.benchmarks.peers.project import AsyncEventsPeer
from tests.benchmarks.scenario import Context, Scenario

CELERY = 3.0
_TRANSPORTS = {"redis": "Redis", "sql": "SQL"}


class Transports(Scenario):
    """As `delivery`, with Redis and with PostgreSQL as the broker; Celery stays on RabbitMQ.

    Beside Celery in the best way of each pool.
    """

    name = "transports"
    title = "Delivery on Redis and on the SQL transport"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        celery = celery_peers(context)
        projects = []
        for transport, called in _TRANSPORTS.items():
            peer = AsyncEventsPeer(context, transport=transport)
            peer.name = f"{peer.name} on {called}"
            projects.append(peer)
        comparisons = [
            compare(context, [*projects, *celery], payloads)
            for payloads in (context.small, context.real)
        ]
        bars = [
            Bar(
                text=f"{peer.name}, {one.payloads.name}: {CELERY:g} × {other.name} on RabbitMQ",
                value=ratio(one.rates[peer.name], one.rates[other.name]),
                limit=CELERY,
            )
            for one in comparisons
            for peer in projects
            for other in celery
        ]
        return Findings(
            figures=[figure for one in comparisons for figure in one.figures],
            bars=bars,
            notes=trial_notes(context),
            columns=[
                rates_chart("transports-rates", self.title, comparisons),
                cpu_chart("transports-cpu", "Where the CPU goes", comparisons),
            ],
        )

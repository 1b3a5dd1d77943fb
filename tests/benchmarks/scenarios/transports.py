"""Bar 2: the same on Redis and on the SQL transport."""

from __future__ import annotations

from typing import Final

from tests.benchmarks.figures import Bar, Findings, ratio
from tests.benchmarks.peers.celery import celery_peers, trial_notes
from tests.benchmarks.peers.comparing import compare, cpu_chart, rates_chart
from tests.benchmarks.peers.project import AsyncEventsPeer
from tests.benchmarks.scenario import Context, Scenario

CELERY: Final = 3.0
OWN: Final = {"redis": 0.95, "sql": 0.85}
"""Of the project's own rate on RabbitMQ."""
_CALLED: Final = {"redis": "Redis", "sql": "SQL"}


class Transports(Scenario):
    """As `delivery`, with Redis and with PostgreSQL as the broker; Celery stays on RabbitMQ.

    Beside Celery in the best way of each pool, and beside asyncevents on RabbitMQ in the same
    rounds.
    """

    name = "transports"
    title = "Delivery on Redis and on the SQL transport"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        celery = celery_peers(context)
        on_rabbitmq = _project(context, "rabbitmq", "RabbitMQ")
        projects = {
            transport: _project(context, transport, called) for transport, called in _CALLED.items()
        }
        comparisons = [
            compare(context, [on_rabbitmq, *projects.values(), *celery], payloads)
            for payloads in (context.small, context.real)
        ]
        bars = [
            Bar(
                text=f"{peer.name}, {one.payloads.name}: {limit:g} × {other.name}",
                value=ratio(one.rates[peer.name], one.rates[other.name]),
                limit=limit,
            )
            for one in comparisons
            for transport, peer in projects.items()
            for other, limit in (
                (on_rabbitmq, OWN[transport]),
                *((queue, CELERY) for queue in celery),
            )
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


def _project(context: Context, transport: str, called: str) -> AsyncEventsPeer:
    peer = AsyncEventsPeer(context, transport=transport)
    peer.name = f"{peer.name} on {called}"
    return peer

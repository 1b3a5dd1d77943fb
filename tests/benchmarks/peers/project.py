"""asyncevents itself: two worker processes, all features on, on a broker and PostgreSQL."""

from __future__ import annotations

from tests.benchmarks.driving import Run, deliver
from tests.benchmarks.peers.base import Job, Peer
from tests.benchmarks.receiving import recipient
from tests.benchmarks.scenario import Context

PROCESSES = 2
_SERVERS = {"rabbitmq": ("rabbitmq",), "redis": ("redis",), "sql": ()}


class AsyncEventsPeer(Peer):
    """The project. `transport` is `rabbitmq`, `redis` or `sql` (the ledger's PostgreSQL)."""

    name = "asyncevents"

    def __init__(
        self, context: Context, *, transport: str = "rabbitmq", processes: int = PROCESSES
    ) -> None:
        self._context = context
        self._transport = transport
        self._processes = processes

    def run(self, job: Job) -> Run:
        """See `Peer`."""
        services = self._context.services
        with self._context.database() as database:
            broker = self._broker(database)
            with (
                self._context.project(LEDGER_URL=database, BROKER_URL=broker) as project,
                recipient() as server,
            ):
                return deliver(
                    project,
                    server,
                    ["/ok"],
                    payloads=job.payloads,
                    events=job.events,
                    processes=self._processes,
                    parts=services.pids("postgresql", *_SERVERS[self._transport]),
                )

    def _broker(self, database: str) -> str:
        services = self._context.services
        if self._transport == "redis":
            services.redis.clear()
            return services.redis.url
        if self._transport == "sql":
            return f"sqla+{database}"
        services.rabbitmq.clear()
        return services.rabbitmq.url

"""The FastStream peer: RabbitMQ, PostgreSQL and two processes of `faststream_worker`."""

from __future__ import annotations

import os
import sys
from typing import Final

from tests.benchmarks.driving import Run, running, watch
from tests.benchmarks.peers.base import TABLES, Job, Peer
from tests.benchmarks.peers.faststream_worker import LATER, QUEUE
from tests.benchmarks.peers.queueing import enqueue
from tests.benchmarks.peers.trials import trial_note, tried
from tests.benchmarks.receiving import ROOT, recipient
from tests.benchmarks.scenario import Context

PROCESSES: Final = 2
_CONNECTIONS: Final = (5, 10, 20)


class FastStreamPeer(Peer):
    """FastStream with so many connections to the database in each process."""

    name = "FastStream"

    def __init__(self, context: Context, connections: int) -> None:
        self._context = context
        self._connections = connections

    def run(self, job: Job) -> Run:
        """See `Peer`."""
        services = self._context.services
        for queue in (QUEUE, LATER):
            services.rabbitmq.drop(queue)
        with (
            self._context.database() as database,
            self._context.folder() as folder,
            recipient() as server,
        ):
            services.postgresql.execute(database, *TABLES)
            enqueue(services.rabbitmq.url, QUEUE, job, f"{server.url}/ok")
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "BENCHMARK_BROKER": services.rabbitmq.url,
                "BENCHMARK_DATABASE": database.replace("+psycopg", ""),
                "BENCHMARK_CONNECTIONS": str(self._connections),
            }
            command = [sys.executable, "-m", "tests.benchmarks.peers.faststream_worker"]
            with running([command] * PROCESSES, folder=folder, environment=environment) as workers:
                parts = services.pids("postgresql", "rabbitmq")
                return watch(workers, server, ["/ok"], job.events, parts=parts)


def faststream_peer(context: Context) -> FastStreamPeer:
    """Return the best way to run it; the first to ask pays the trial."""
    best = next(iter(_trial(context)))
    return _ways(context)[best]


def trial_notes(context: Context) -> dict[str, str]:
    """Return what the trial came to, for the report."""
    return {FastStreamPeer.name: f"run in the best way; {trial_note(_trial(context))}"}


def _trial(context: Context) -> dict[str, float]:
    return tried(context, FastStreamPeer.name, _ways(context))


def _ways(context: Context) -> dict[str, FastStreamPeer]:
    return {f"2 × {count} connections": FastStreamPeer(context, count) for count in _CONNECTIONS}

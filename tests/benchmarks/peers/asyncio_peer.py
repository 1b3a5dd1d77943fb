"""The asyncio peer: RabbitMQ, PostgreSQL and two processes of `asyncio_worker`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.driving import Run, Workers, running, watch
from tests.benchmarks.peers.asyncio_worker import LATER, QUEUE
from tests.benchmarks.peers.base import TABLES, Job, Peer
from tests.benchmarks.peers.queueing import enqueue
from tests.benchmarks.receiving import ROOT, Recipient, recipient
from tests.benchmarks.scenario import Context

PROCESSES = 2


class AsyncioPeer(Peer):
    """What one would write by hand: a row for each attempt, retries, group commits."""

    name = "asyncio by hand"

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self, job: Job) -> Run:
        """See `Peer`."""
        with self.working(job) as (workers, server):
            parts = self._context.services.pids("postgresql", "rabbitmq")
            return watch(workers, server, ["/ok"], job.events, parts=parts)

    @contextmanager
    def working(self, job: Job) -> Iterator[tuple[Workers, Recipient]]:
        """Run the workers on the job while the block runs."""
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
            }
            command = [sys.executable, "-m", "tests.benchmarks.peers.asyncio_worker"]
            with running([command] * PROCESSES, folder=folder, environment=environment) as workers:
                yield workers, server

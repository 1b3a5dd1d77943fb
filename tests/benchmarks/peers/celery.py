"""The Celery peer: RabbitMQ, PostgreSQL, the best of several ways to run the same tasks."""

from __future__ import annotations

import os
import sys
import uuid
from typing import Final

from attrs import frozen

from tests.benchmarks.constants import EVENT
from tests.benchmarks.driving import Run, running, watch
from tests.benchmarks.peers.base import TABLES, Job, Peer
from tests.benchmarks.peers.celery_app import QUEUE, TASK, make_app
from tests.benchmarks.peers.trials import trial_note, tried
from tests.benchmarks.receiving import ROOT, recipient
from tests.benchmarks.scenario import Context


@frozen(kw_only=True)
class Way:
    """How workers are run: `nodes` workers, each with a pool of `concurrency`."""

    pool: str
    concurrency: int
    prefetch: int
    nodes: int = 1

    def __str__(self) -> str:
        nodes = f"{self.nodes} × " if self.nodes > 1 else ""
        return f"{nodes}{self.pool} {self.concurrency}, prefetch × {self.prefetch}"


WAYS: Final = (
    Way(pool="prefork", concurrency=2, prefetch=16),
    Way(pool="prefork", concurrency=2, prefetch=64),
    Way(pool="prefork", concurrency=4, prefetch=16),
    Way(pool="prefork", concurrency=8, prefetch=16),
    Way(pool="prefork", concurrency=4, prefetch=64),
    Way(pool="threads", concurrency=16, prefetch=4),
    Way(pool="threads", concurrency=8, prefetch=4, nodes=2),
)


class CeleryPeer(Peer):
    """Celery, in the way that is best on this machine."""

    slow = True

    def __init__(self, context: Context, way: Way) -> None:
        self._context = context
        self._way = way
        self.name = f"Celery {way.pool}"

    def run(self, job: Job) -> Run:
        """See `Peer`."""
        services = self._context.services
        services.rabbitmq.drop(QUEUE)
        with (
            self._context.database() as database,
            self._context.folder() as folder,
            recipient() as server,
        ):
            services.postgresql.execute(database, *TABLES)
            self._enqueue(job, f"{server.url}/ok")
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "BENCHMARK_BROKER": services.rabbitmq.url,
                "BENCHMARK_DATABASE": database.replace("+psycopg", ""),
                "BENCHMARK_PREFETCH": str(self._way.prefetch),
                "BENCHMARK_CONNECTIONS": str(
                    self._way.concurrency if self._way.pool == "threads" else 1
                ),
            }
            commands = [self._command(number) for number in range(self._way.nodes)]
            with running(commands, folder=folder, environment=environment) as workers:
                parts = services.pids("postgresql", "rabbitmq")
                return watch(workers, server, ["/ok"], job.events, parts=parts)

    def _command(self, number: int) -> list[str]:
        way = self._way
        return [
            sys.executable, "-m", "celery", "-A", "tests.benchmarks.peers.celery_app", "worker",
            "--pool", way.pool, "--concurrency", str(way.concurrency),
            "--hostname", f"node{number}@%h", "--loglevel", "ERROR",
            "--without-gossip", "--without-mingle", "--without-heartbeat",
        ]  # fmt: skip

    def _enqueue(self, job: Job, target: str) -> None:
        texts = [text.decode() for text in job.payloads.texts]
        app = make_app(self._context.services.rabbitmq.url)
        # A connection of its own: a pooled one would take a queue that was dropped for declared.
        with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
            for number in range(job.events):
                ids = str(uuid.uuid4()), str(uuid.uuid4())
                arguments = (*ids, EVENT, target, texts[number % len(texts)])
                app.send_task(TASK, arguments, producer=producer)


def celery_peers(context: Context) -> list[CeleryPeer]:
    """Return the best way of each pool, the best of all first; the first to ask pays the trial."""
    ways = {str(way): way for way in WAYS}
    best: dict[str, Way] = {}
    for called in _trial(context):
        best.setdefault(ways[called].pool, ways[called])
    return [CeleryPeer(context, way) for way in best.values()]


def trial_notes(context: Context) -> dict[str, str]:
    """Return what the trial came to, for the report."""
    return {"Celery": f"run in the best way of each pool; {trial_note(_trial(context))}"}


def _trial(context: Context) -> dict[str, float]:
    return tried(context, "Celery", {str(way): CeleryPeer(context, way) for way in WAYS})

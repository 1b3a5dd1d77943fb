"""The procrastinate peer: PostgreSQL alone, two processes of `procrastinate_worker`."""

from __future__ import annotations

import os
import sys
import uuid
from typing import Final

from attrs import frozen
from procrastinate import SyncPsycopgConnector

from tests.benchmarks.constants import EVENT
from tests.benchmarks.driving import BATCH, Run, running, watch
from tests.benchmarks.peers.base import TABLES, Job, Peer
from tests.benchmarks.peers.procrastinate_app import app, deliver
from tests.benchmarks.peers.trials import trial_note, tried
from tests.benchmarks.receiving import ROOT, recipient
from tests.benchmarks.scenario import Context

PROCESSES: Final = 2


@frozen(kw_only=True)
class Way:
    """How each process is run: jobs at once, and when a job that is done is deleted."""

    concurrency: int
    delete: str = "never"

    def __str__(self) -> str:
        return f"2 × concurrency {self.concurrency}, delete_jobs {self.delete}"


WAYS: Final = (
    Way(concurrency=5),
    Way(concurrency=20),
    Way(concurrency=60),
    Way(concurrency=20, delete="successful"),
)


class ProcrastinatePeer(Peer):
    """procrastinate, in the way that is best on this machine."""

    name = "procrastinate"
    slow = True

    def __init__(self, context: Context, way: Way) -> None:
        self._context = context
        self._way = way

    def run(self, job: Job) -> Run:
        """See `Peer`."""
        services = self._context.services
        with (
            self._context.database() as url,
            self._context.folder() as folder,
            recipient() as server,
        ):
            database = url.replace("+psycopg", "")
            services.postgresql.execute(url, *TABLES)
            self._enqueue(database, job, f"{server.url}/ok")
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "BENCHMARK_DATABASE": database,
                "BENCHMARK_CONCURRENCY": str(self._way.concurrency),
                "BENCHMARK_DELETE": self._way.delete,
            }
            command = [sys.executable, "-m", "tests.benchmarks.peers.procrastinate_worker"]
            with running([command] * PROCESSES, folder=folder, environment=environment) as workers:
                parts = services.pids("postgresql")
                return watch(workers, server, ["/ok"], job.events, parts=parts)

    def _enqueue(self, database: str, job: Job, target: str) -> None:
        texts = [text.decode() for text in job.payloads.texts]
        deliveries = [
            {
                "delivery_id": str(uuid.uuid4()),
                "event_id": str(uuid.uuid4()),
                "name": EVENT,
                "target": target,
                "data": texts[number % len(texts)],
            }
            for number in range(job.events)
        ]
        connector = SyncPsycopgConnector(conninfo=database)
        with app.replace_connector(connector) as here, here.open():
            here.schema_manager.apply_schema()
            for start in range(0, len(deliveries), BATCH):
                deliver.batch_defer(*deliveries[start : start + BATCH])


def procrastinate_peer(context: Context) -> ProcrastinatePeer:
    """Return the best way to run it; the first to ask pays the trial."""
    best = next(iter(_trial(context)))
    return _ways(context)[best]


def trial_notes(context: Context) -> dict[str, str]:
    """Return what the trial came to, for the report."""
    return {ProcrastinatePeer.name: f"run in the best way; {trial_note(_trial(context))}"}


def _trial(context: Context) -> dict[str, float]:
    return tried(context, ProcrastinatePeer.name, _ways(context))


def _ways(context: Context) -> dict[str, ProcrastinatePeer]:
    return {str(way): ProcrastinatePeer(context, way) for way in WAYS}

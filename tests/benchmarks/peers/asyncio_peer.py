"""The asyncio peer: RabbitMQ, PostgreSQL and two processes of `asyncio_worker`."""

from __future__ import annotations

import json
import os
import sys
import uuid

import kombu

from tests.benchmarks.driving import EVENT, Run, running, watch
from tests.benchmarks.peers.asyncio_worker import LATER, QUEUE
from tests.benchmarks.peers.base import Job, Peer
from tests.benchmarks.peers.celery_app import TABLES
from tests.benchmarks.receiving import ROOT, recipient
from tests.benchmarks.scenario import Context

PROCESSES = 2


class AsyncioPeer(Peer):
    """What one would write by hand: a row for each attempt, retries, group commits."""

    name = "asyncio by hand"

    def __init__(self, context: Context) -> None:
        self._context = context

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
            self._enqueue(job, f"{server.url}/ok")
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "BENCHMARK_BROKER": services.rabbitmq.url,
                "BENCHMARK_DATABASE": database.replace("+psycopg", ""),
            }
            command = [sys.executable, "-m", "tests.benchmarks.peers.asyncio_worker"]
            with running([command] * PROCESSES, folder=folder, environment=environment) as workers:
                parts = services.pids("postgresql", "rabbitmq")
                return watch(workers, server, ["/ok"], job.events, parts=parts)

    def _enqueue(self, job: Job, target: str) -> None:
        texts = [text.decode() for text in job.payloads.texts]
        queue = kombu.Queue(QUEUE, durable=True)
        url = self._context.services.rabbitmq.url
        with kombu.Connection(url) as connection, connection.channel() as channel:
            queue(channel).declare()
            producer = kombu.Producer(channel)
            for number in range(job.events):
                message = {
                    "delivery_id": str(uuid.uuid4()),
                    "event_id": str(uuid.uuid4()),
                    "name": EVENT,
                    "target": target,
                    "data": texts[number % len(texts)],
                }
                producer.publish(json.dumps(message), routing_key=QUEUE, delivery_mode=2)

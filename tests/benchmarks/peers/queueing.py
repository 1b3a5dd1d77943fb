"""The backlog of the peers that are driven by messages of RabbitMQ."""

from __future__ import annotations

import json
import uuid

import kombu

from tests.benchmarks.constants import EVENT
from tests.benchmarks.peers.base import Job


def enqueue(broker: str, queue: str, job: Job, target: str) -> None:
    """Put a durable message per delivery into a durable queue, as JSON."""
    texts = [text.decode() for text in job.payloads.texts]
    with kombu.Connection(broker) as connection, connection.channel() as channel:
        kombu.Queue(queue, durable=True)(channel).declare()
        producer = kombu.Producer(channel)
        for number in range(job.events):
            message = {
                "delivery_id": str(uuid.uuid4()),
                "event_id": str(uuid.uuid4()),
                "name": EVENT,
                "target": target,
                "data": texts[number % len(texts)],
            }
            producer.publish(
                json.dumps(message),
                routing_key=queue,
                delivery_mode=2,
                content_type="application/json",
                content_encoding="utf-8",
            )

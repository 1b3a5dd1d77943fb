"""Sending ids to a queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.messaging import Producer as KombuProducer

from asyncevents_core.adapters.kombu.links import Link
from asyncevents_core.adapters.kombu.messages import CONTENT_TYPE, encode
from asyncevents_core.ports.broker import MOST_IDS, Producer


class IdProducer(Link, Producer):
    """Sends ids to one queue. With RabbitMQ each message waits for its confirmation."""

    def __init__(self, url: str, queue: Queue) -> None:
        super().__init__(url)
        self._queue = queue
        self._producer: KombuProducer | None = None

    def send(self, ids: Sequence[UUID]) -> None:
        if not ids:
            return

        def work(_: Connection) -> None:
            assert self._producer is not None  # noqa: S101 - made by _ready
            for some in in_messages(ids):
                publish(self._producer, some, routing_key=self._queue.routing_key)

        self._send(work)

    def _ready(self, connection: Connection) -> None:
        channel = connection.channel()
        self._queue(channel).declare()
        self._producer = KombuProducer(channel, exchange=self._queue.exchange)


def in_messages(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    """Split ids into messages of at most `MOST_IDS`."""
    remaining = iter(ids)
    while some := list(islice(remaining, MOST_IDS)):
        yield some


def publish(
    producer: KombuProducer, ids: Sequence[UUID], *, routing_key: str, retries: int | None = None
) -> None:
    """Send one message of ids, to survive a restart of the broker."""
    producer.publish(
        encode(ids),
        routing_key=routing_key,
        content_type=CONTENT_TYPE,
        content_encoding="utf-8",
        delivery_mode="persistent",
        headers={} if retries is None else {"x-retry-count": retries},
    )

"""Sending ids to a queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Queue

from asyncevents_core.adapters.kombu.links import Link
from asyncevents_core.adapters.kombu.messages import CONTENT_TYPE, encode
from asyncevents_core.adapters.kombu.sending import Sender
from asyncevents_core.ports.broker import MOST_IDS, Producer


class IdProducer(Link, Producer):
    """Sends ids to one queue, and waits once for the confirmation of all of them."""

    def __init__(self, url: str, queue: Queue) -> None:
        super().__init__(url)
        self._queue = queue
        self._sender: Sender | None = None

    def send(self, ids: Sequence[UUID]) -> None:
        if not ids:
            return

        def work(_: Connection) -> None:
            assert self._sender is not None  # noqa: S101 - made by _ready
            publish(self._sender, ids, routing_key=self._queue.routing_key)
            self._sender.flush()

        self._send(work)

    def _ready(self, connection: Connection) -> None:
        channel = connection.channel()
        self._queue(channel).declare()
        self._sender = Sender(connection, channel, self._queue.exchange)


def publish(
    sender: Sender, ids: Sequence[UUID], *, routing_key: str, retries: int | None = None
) -> None:
    """Send ids in messages of at most `MOST_IDS`; the sender's `flush` comes later."""
    headers = {} if retries is None else {"x-retry-count": retries}
    for some in _in_messages(ids):
        sender.publish(
            encode(some), routing_key=routing_key, content_type=CONTENT_TYPE, headers=headers
        )


def _in_messages(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    remaining = iter(ids)
    while some := list(islice(remaining, MOST_IDS)):
        yield some

"""Sending ids to a queue, with one wait for the confirmations of many messages."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Producer as KombuProducer

from asyncevents_core.adapters.kombu.connections import Link
from asyncevents_core.adapters.kombu.protocol import CONTENT_TYPE, encode
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import MOST_IDS, Producer

_CONFIRM_TIMEOUT: Final = 10.0


class Sender:
    """Publishes to an exchange. `flush` returns when the broker has taken all of it.

    RabbitMQ confirms each message, in any order
    (https://www.rabbitmq.com/docs/confirms#publisher-confirms): waiting for each one costs a
    round trip per message, waiting once per batch does not. Other transports have taken a
    message when `publish` returns. Belongs to one connection, and to its thread.
    """

    def __init__(self, connection: Connection, channel: Any, exchange: Exchange) -> None:
        self._connection = connection
        self._producer = KombuProducer(channel, exchange=exchange)
        self._last = 0
        self._unconfirmed: set[int] = set()
        self._refused = 0
        self._confirms = hasattr(channel, "confirm_select")
        if self._confirms:
            channel.confirm_select()
            channel.events["basic_ack"].add(self._acknowledged)
            channel.events["basic_nack"].add(self._rejected)

    def publish(
        self,
        body: bytes | str,
        *,
        routing_key: str,
        content_type: str,
        content_encoding: str = "utf-8",
        headers: dict[str, Any] | None = None,
    ) -> None:
        """Send one message, to survive a restart of the broker; `flush` comes later."""
        self._producer.publish(
            body,
            routing_key=routing_key,
            content_type=content_type,
            content_encoding=content_encoding,
            delivery_mode="persistent",
            headers=headers or {},
        )
        if self._confirms:
            self._last += 1
            self._unconfirmed.add(self._last)

    def flush(self) -> None:
        """Wait until all messages are confirmed. Raises `BrokerUnavailable` if one is not."""
        until = time.monotonic() + _CONFIRM_TIMEOUT
        while self._unconfirmed:
            left = until - time.monotonic()
            if left <= 0:
                raise BrokerUnavailable(
                    f"{len(self._unconfirmed)} messages were not confirmed within "
                    f"{_CONFIRM_TIMEOUT:g} s"
                )
            self._connection.drain_events(timeout=left)
        refused, self._refused = self._refused, 0
        if refused:
            raise BrokerUnavailable(f"the broker refused {refused} messages")

    def _acknowledged(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple)

    def _rejected(self, tag: int, multiple: bool) -> None:
        self._refused += self._settle(tag, multiple)

    def _settle(self, tag: int, multiple: bool) -> int:
        settled = {one for one in self._unconfirmed if one <= tag} if multiple else {tag}
        self._unconfirmed -= settled
        return len(settled)


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

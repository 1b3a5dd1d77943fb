"""Sending: messages that the broker confirms, and ids in them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Producer as KombuProducer

from asyncevents_core.adapters.kombu.connections import Link
from asyncevents_core.adapters.kombu.protocol import CONTENT_TYPE, encode
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import MOST_IDS, BrokerConfig, Producer


class Sender:
    """Publishes to an exchange. `flush` returns when the broker has taken all of it.

    RabbitMQ confirms each message, in any order
    (https://www.rabbitmq.com/docs/confirms#publisher-confirms): waiting for each one costs a
    round trip per message, waiting once per batch does not. Other transports have taken a
    message when `publish` returns. Belongs to one connection, and to its thread. A channel has one
    at most: it counts what the broker confirms.
    """

    def __init__(
        self, connection: Connection, channel: Any, exchange: Exchange, *, answer_timeout: float
    ) -> None:
        self._connection = connection
        self._answer_timeout = answer_timeout
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
        exchange: Exchange | None = None,
    ) -> None:
        """Send one message, to survive a restart of the broker; `flush` comes later.

        `exchange` None: the sender's own.
        """
        self._producer.publish(
            body,
            routing_key=routing_key,
            content_type=content_type,
            content_encoding=content_encoding,
            delivery_mode="persistent",
            headers=headers or {},
            exchange=exchange,
        )
        if self._confirms:
            self._last += 1
            self._unconfirmed.add(self._last)

    def flush(self) -> None:
        """Wait until all messages are confirmed. Raises `BrokerUnavailable` if one is not."""
        until = time.monotonic() + self._answer_timeout
        while self._unconfirmed:
            left = until - time.monotonic()
            if left <= 0:
                raise BrokerUnavailable(
                    f"{len(self._unconfirmed)} messages were not confirmed within "
                    f"{self._answer_timeout:g} s"
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

    def __init__(self, config: BrokerConfig, queue: Queue) -> None:
        super().__init__(config)
        self._queue = queue
        self._sender: Sender | None = None

    def send(self, ids: Sequence[UUID]) -> None:
        if ids:
            self._send(partial(self._publish, ids))

    def _publish(self, ids: Sequence[UUID], _: Connection) -> None:
        assert self._sender is not None  # noqa: S101 - made by _ready
        publish(self._sender, self._config, ids, routing_key=self._queue.routing_key)
        self._sender.flush()

    def _ready(self, connection: Connection) -> None:
        channel = connection.channel()
        self._queue(channel).declare()
        self._sender = Sender(
            connection,
            channel,
            self._queue.exchange,
            answer_timeout=self._config.options.answer_timeout,
        )


def publish(
    sender: Sender,
    config: BrokerConfig,
    ids: Sequence[UUID],
    *,
    routing_key: str,
    retries: int | None = None,
) -> None:
    """Send ids in messages of at most `MOST_IDS`; the sender's `flush` comes later."""
    headers = {} if retries is None else {"x-retry-count": retries}
    ledger_id = config.ledger_id()
    for some in _in_messages(ids):
        body = encode(some, ledger_id=ledger_id, source=config.source)
        sender.publish(body, routing_key=routing_key, content_type=CONTENT_TYPE, headers=headers)


def _in_messages(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    remaining = iter(ids)
    while some := list(islice(remaining, MOST_IDS)):
        yield some

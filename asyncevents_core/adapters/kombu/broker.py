"""`KombuBroker`: producers, consumers and a connection check."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.message import Message
from kombu.messaging import Consumer as KombuConsumer
from kombu.messaging import Producer as KombuProducer
from sqlalchemy.exc import DBAPIError

from asyncevents_core.adapters.kombu.connecting import (
    failures,
    masked,
    new_connection,
    open_transport,
)
from asyncevents_core.adapters.kombu.housekeeping import delete_consumed, release
from asyncevents_core.adapters.kombu.messages import CONTENT_TYPE, decode, encode
from asyncevents_core.ports.broker import MOST_IDS, Broker, Consumer, HandOff, Producer

logger = logging.getLogger("asyncevents.broker")

EXCHANGE: Final = "asyncevents"
TRIGGER: Final = "event.trigger"
QUARANTINE: Final = "event.quarantine"
_CLEAN_EVERY: Final = 10.0


def _queue(name: str) -> Queue:
    exchange = Exchange(EXCHANGE, type="direct", durable=True)
    return Queue(name, exchange=exchange, routing_key=name, durable=True)


class KombuBroker(Broker):
    """The broker at `url`; `queue` is where hand-offs go."""

    def __init__(self, url: str, *, queue: str = TRIGGER) -> None:
        self._url = url
        self._queue = queue

    def __repr__(self) -> str:
        return f"KombuBroker({masked(self._url)!r})"

    def producer(self) -> Producer:
        return _Producer(self._url, self._queue)

    def consumer(self, *, prefetch: int) -> Consumer:
        return _Consumer(self._url, self._queue, prefetch)

    def check(self) -> str:
        with failures(self._url):
            connection = new_connection(self._url)
            try:
                open_transport(connection)
                _queue(self._queue)(connection.channel()).declare()
                return f"{connection.transport.driver_type} at {masked(self._url)}"
            finally:
                release(connection)


class _Link:
    """A connection that is opened at first use and thrown away after an error."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    def _opened(self) -> Connection:
        if self._connection is None:
            try:
                self._connection = self._open()
            except DBAPIError:
                # SQL transports: somebody else has just made the same tables or the same queue.
                self._connection = self._open()
        return self._connection

    def _open(self) -> Connection:
        connection = new_connection(self._url)
        try:
            open_transport(connection)
            self._ready(connection)
        except Exception:
            self._release(connection)
            raise
        return connection

    def _ready(self, connection: Connection) -> None:
        raise AssertionError("each link prepares its connection")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._release(connection)

    def _release(self, connection: Connection) -> None:
        try:
            release(connection)
        except Exception as error:
            # It is broken, or the failure that is raised says more.
            logger.debug("closing a broken connection failed", extra={"error": repr(error)})

    def close(self) -> None:
        self._drop()


class _Producer(_Link, Producer):
    def __init__(self, url: str, queue: str) -> None:
        super().__init__(url)
        self._name = queue
        self._producer: KombuProducer | None = None

    def send(self, ids: Sequence[UUID]) -> None:
        if not ids:
            return
        with failures(self._url):
            try:
                self._opened()
                self._send(ids)
            except Exception:
                self._drop()
                raise

    def _ready(self, connection: Connection) -> None:
        channel = connection.channel()
        queue = _queue(self._name)
        queue(channel).declare()
        self._producer = KombuProducer(channel, exchange=queue.exchange, routing_key=self._name)

    def _send(self, ids: Sequence[UUID]) -> None:
        producer = self._producer
        assert producer is not None  # noqa: S101 - made by _ready
        remaining = iter(ids)
        while some := list(islice(remaining, MOST_IDS)):
            producer.publish(
                encode(some),
                content_type=CONTENT_TYPE,
                content_encoding="utf-8",
                delivery_mode="persistent",
            )


class _Received(HandOff):
    def __init__(self, ids: tuple[UUID, ...], message: Message, url: str) -> None:
        self.ids = ids
        self._message = message
        self._url = url

    def ack(self) -> None:
        with failures(self._url):
            self._message.ack()


class _Consumer(_Link, Consumer):
    def __init__(self, url: str, queue: str, prefetch: int) -> None:
        super().__init__(url)
        self._name = queue
        self._prefetch = prefetch
        self._channel: Any = None
        self._inbox: list[Message] = []
        self._clean_at = 0.0

    def receive(self, timeout: float) -> Sequence[HandOff]:
        with failures(self._url):
            try:
                connection = self._opened()
                self._drain(connection, timeout)
                received = self._decoded()
                self._clean()
            except Exception:
                self._drop()
                raise
        return received

    def _ready(self, connection: Connection) -> None:
        self._channel = connection.channel()
        self._inbox.clear()
        consumer = KombuConsumer(
            self._channel, queues=[_queue(self._name)], on_message=self._inbox.append, accept=None
        )
        consumer.qos(prefetch_count=self._prefetch)
        consumer.consume()

    def _drain(self, connection: Connection, timeout: float) -> None:
        """Wait for the first message, then take what else is ready without waiting."""
        try:
            connection.drain_events(timeout=timeout)
            while len(self._inbox) < self._prefetch:
                connection.drain_events(timeout=0)
        except TimeoutError:
            pass
        except socket.timeout:  # noqa: UP041 - some transports raise a class of their own
            pass
        if connection.supports_heartbeats:
            connection.heartbeat_check()

    def _decoded(self) -> list[HandOff]:
        received: list[HandOff] = []
        for message in self._inbox:
            try:
                ids = decode(message.body)
            except ValueError as error:
                self._quarantine(message, str(error))
                continue
            received.append(_Received(ids, message, self._url))
        self._inbox.clear()
        return received

    def _quarantine(self, message: Message, reason: str) -> None:
        """Put a message that nobody can read where people find it, and never see it again."""
        logger.warning(
            "a message is no hand-off; it is put aside",
            extra={"queue": QUARANTINE, "reason": reason},
        )
        queue = _queue(QUARANTINE)
        queue(self._channel).declare()
        KombuProducer(self._channel, exchange=queue.exchange, routing_key=QUARANTINE).publish(
            message.body,
            content_type=message.content_type or "application/octet-stream",
            content_encoding=message.content_encoding or "binary",
            headers={"asyncevents-reason": reason},
        )
        message.ack()

    def _clean(self) -> None:
        now = time.monotonic()
        if now >= self._clean_at:
            self._clean_at = now + _CLEAN_EVERY
            delete_consumed(self._channel)

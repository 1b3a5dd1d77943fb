"""Receiving ids from a queue."""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message
from kombu.messaging import Consumer as KombuConsumer

from asyncevents_core.adapters.kombu.connections import Link, failures
from asyncevents_core.adapters.kombu.protocol import decode
from asyncevents_core.adapters.kombu.sending import Sender
from asyncevents_core.ports.broker import Consumer, HandOff

logger = logging.getLogger("asyncevents.broker")

_CLEAN_EVERY: Final = 10.0


class _Received(HandOff):
    def __init__(self, ids: tuple[UUID, ...], message: Message, url: str) -> None:
        self.ids = ids
        self._message = message
        self._url = url

    def ack(self) -> None:
        with failures(self._url):
            self._message.ack()


class IdConsumer(Link, Consumer):
    """Receives ids from one queue; what is no message of ours goes to `quarantine`."""

    def __init__(self, url: str, queue: Queue, *, quarantine: Queue, prefetch: int) -> None:
        super().__init__(url)
        self._queue = queue
        self._quarantine_queue = quarantine
        self._prefetch = prefetch
        self._channel: Any = None
        self._inbox: deque[Message] = deque()
        self._putting_aside: Sender | None = None
        self._clean_at = 0.0

    def receive(self, timeout: float) -> Sequence[HandOff]:
        with self._opened() as connection:
            self._drain(connection, timeout)
            received = self._decoded(connection)
            self._clean()
        return received

    def _ready(self, connection: Connection) -> None:
        self._channel = connection.channel()
        self._inbox.clear()
        self._putting_aside = None
        consumer = KombuConsumer(
            self._channel, queues=[self._queue], on_message=self._inbox.append, accept=None
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

    def _decoded(self, connection: Connection) -> list[HandOff]:
        received: list[HandOff] = []
        while self._inbox:
            message = self._inbox.popleft()
            try:
                ids = decode(message.body)
            except ValueError as error:
                self._quarantine(connection, message, str(error))
                continue
            received.append(_Received(ids, message, self._url))
        return received

    def _quarantine(self, connection: Connection, message: Message, reason: str) -> None:
        """Put a message that nobody can read where people find it, and never see it again."""
        queue = self._quarantine_queue
        logger.warning(
            "a message is not a hand-off; it is set aside",
            extra={"queue": queue.name, "reason": reason},
        )
        queue(self._channel).declare()
        if self._putting_aside is None:
            self._putting_aside = Sender(connection, self._channel, queue.exchange)
        self._putting_aside.publish(
            message.body,
            routing_key=queue.routing_key,
            content_type=message.content_type or "application/octet-stream",
            content_encoding=message.content_encoding or "binary",
            headers={"asyncevents-reason": reason},
        )
        # This may receive more messages; they are decoded next.
        self._putting_aside.flush()
        message.ack()

    def _clean(self) -> None:
        now = time.monotonic()
        if now >= self._clean_at:
            self._clean_at = now + _CLEAN_EVERY
            delete_consumed(self._channel)


_BATCH: Final = 500


def delete_consumed(channel: Any) -> int:
    """Delete up to a batch of hidden rows; return how many. Other transports have none."""
    message = getattr(channel, "message_cls", None)
    if message is None:
        return 0
    session = channel.session
    try:
        hidden = session.query(message.id).filter(message.visible.is_(False)).limit(_BATCH)
        ids = [row.id for row in hidden]
        if ids:
            session.query(message).filter(message.id.in_(ids)).delete(synchronize_session=False)
        session.commit()
    except Exception:
        session.rollback()
        raise
    return len(ids)

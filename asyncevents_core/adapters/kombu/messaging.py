"""Sending ids to a queue, and receiving them."""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer as KombuConsumer
from kombu.messaging import Producer as KombuProducer

from asyncevents_core.adapters.kombu.connections import Link, failures
from asyncevents_core.adapters.kombu.protocol import CONTENT_TYPE, decode, encode
from asyncevents_core.adapters.kombu.received import ReceivedMessage, receive_as_sent
from asyncevents_core.domain.limits import storable, text_mistake
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import MOST_IDS, Consumer, HandOff, Producer
from asyncevents_core.showing import shown

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
        if ids:
            self._send(partial(self._publish, ids))

    def _publish(self, ids: Sequence[UUID], _: Connection) -> None:
        assert self._sender is not None  # noqa: S101 - made by _ready
        publish(self._sender, ids, routing_key=self._queue.routing_key)
        self._sender.flush()

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


logger = logging.getLogger("asyncevents.broker")

_CLEAN_EVERY: Final = 10.0
_LONGEST_HEADER: Final = 300
_LONGEST_CONTENT_TYPE: Final = 255


class _Received(HandOff):
    def __init__(self, ids: tuple[UUID, ...], message: ReceivedMessage, url: str) -> None:
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
        self._inbox: deque[ReceivedMessage] = deque()
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
        receive_as_sent(self._channel)
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
                ids = _ids_of(message)
            except ValueError as error:
                self._quarantine(connection, message, str(error))
                continue
            received.append(_Received(ids, message, self._url))
        return received

    def _quarantine(self, connection: Connection, message: ReceivedMessage, reason: str) -> None:
        """Put a message that nobody can read where people find it, and never see it again."""
        queue = self._quarantine_queue
        if message.size > len(message.body):
            reason += f"; of {message.size:,} bytes the first {len(message.body):,} are kept"
        headers = {"asyncevents-reason": storable(reason, _LONGEST_HEADER)}
        if message.compression is not None:
            # Under another name: what reads the queue should not decompress it unasked.
            headers["asyncevents-compression"] = storable(
                shown(message.compression), _LONGEST_HEADER
            )
        logger.warning(
            "a message is not a hand-off; it is set aside",
            extra={"queue": queue.name, "reason": headers["asyncevents-reason"]},
        )
        queue(self._channel).declare()
        if self._putting_aside is None:
            self._putting_aside = Sender(connection, self._channel, queue.exchange)
        self._putting_aside.publish(
            message.body,
            routing_key=queue.routing_key,
            content_type=_content_type(message),
            content_encoding="binary",
            headers=headers,
        )
        # This may receive more messages; they are decoded next.
        self._putting_aside.flush()
        message.ack()

    def _clean(self) -> None:
        now = time.monotonic()
        if now >= self._clean_at:
            self._clean_at = now + _CLEAN_EVERY
            delete_consumed(self._channel)


def _ids_of(message: ReceivedMessage) -> tuple[UUID, ...]:
    if message.compression is not None:
        raise ValueError(f"compressed ({shown(message.compression)}), as no hand-off is")
    return decode(message.body)


def _content_type(message: ReceivedMessage) -> str:
    """Return what the message says it is, where that can be sent on."""
    said: object = message.content_type
    if isinstance(said, str) and said.isascii() and not text_mistake(said, _LONGEST_CONTENT_TYPE):
        return said
    return "application/octet-stream"


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

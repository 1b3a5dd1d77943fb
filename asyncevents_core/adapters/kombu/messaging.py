"""Receiving ids from a queue."""

from __future__ import annotations

import logging
import queue as queues
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.messaging import Consumer as KombuConsumer
from sqlalchemy.exc import DBAPIError

from asyncevents_core.adapters.kombu.bare import receive_bare
from asyncevents_core.adapters.kombu.changes import changes_of
from asyncevents_core.adapters.kombu.connections import Link, failures
from asyncevents_core.adapters.kombu.pigeonholes import pigeonhole
from asyncevents_core.adapters.kombu.publications import Reading
from asyncevents_core.adapters.kombu.received import ReceivedMessage, receive_as_sent
from asyncevents_core.adapters.kombu.sorting import Acquaintances, Sorter
from asyncevents_core.adapters.sqlalchemy.failures import is_worth_a_rerun
from asyncevents_core.adapters.sqlalchemy.file_changes import FileChanges
from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.ports.broker import BrokerConfig, Consumer, HandOff

logger = logging.getLogger("asyncevents.broker")

_CLEAN_EVERY: Final = 10.0
_RESTS: Final = 1.2
"""Seconds in which others get their turn: programs with kombu ask a database every second."""
_RESTS_EVERY: Final = 5.0


class _Received(HandOff):
    def __init__(self, ids: tuple[UUID, ...], message: ReceivedMessage, url: str) -> None:
        self.ids = ids
        self._message = message
        self._url = url

    def ack(self) -> None:
        with failures(self._url):
            self._message.ack()


class IdConsumer(Link, Consumer):
    """Receives ids from one queue, and from the one where others put what is this ledger's.

    With `reading` it receives messages that ask for publishing, too. What else arrives is sorted:
    see `Sorter`.
    """

    _heartbeat = True

    def __init__(
        self,
        config: BrokerConfig,
        queue: Queue,
        *,
        quarantine: Queue,
        prefetch: int,
        reading: Reading | None = None,
    ) -> None:
        super().__init__(config)
        self._queue = queue
        self._reading = reading
        self._quarantine = quarantine
        self._prefetch = prefetch
        self._channel: Any = None
        self._changes: FileChanges | None = None
        self._consumers: list[Any] = []
        self._own_is_known = False
        self._rests_until = 0.0
        self._window = prefetch
        self._inbox: deque[ReceivedMessage] = deque()
        self._acquaintances = Acquaintances(queue.name)
        self._sorter: Sorter | None = None
        self._clean_at = 0.0

    def receive(self, timeout: float) -> Sequence[HandOff]:
        with self._opened() as connection:
            if not self._own_is_known:
                self._receive_from_pigeonhole()
            if (rest := self._rests_until - time.monotonic()) > 0:
                time.sleep(min(rest, timeout))
                return []
            self._drain(connection, timeout)
            assert self._sorter is not None  # noqa: S101 - made by _ready
            sorted_ = self._sorter.sort(self._inbox)
            self._widen(self._sorter.keeping)
            if self._sorter.put_back() and hasattr(self._channel, "message_cls"):
                self._rest()
            self._clean()
        received = [_Received(ids, message, self._config.url) for ids, message in sorted_.ours]
        return [*received, *sorted_.publications]

    def neighbours(self) -> Sequence[Neighbour]:
        return self._acquaintances.new()

    def _drop(self, *, broken: bool) -> None:
        if self._changes is not None:
            self._changes.close()
            self._changes = None
        super()._drop(broken=broken)

    def close(self) -> None:
        if self._connection is not None and self._sorter is not None:
            try:
                self._finish_polling()
                # What is ours goes back with the connection.
                self._sorter.sort(self._inbox)
                self._sorter.put_back(all_of_them=True)
            except Exception as error:
                # The broker takes back what belongs to a connection that ends.
                logger.debug("messages cannot be put back", extra={"error": repr(error)})
        super().close()

    def _rest(self) -> None:
        """Ask a database for nothing for a moment: it gives a message to whoever asks first."""
        now = time.monotonic()
        if now - self._rests_until > _RESTS_EVERY:
            self._rests_until = now + _RESTS

    def _finish_polling(self) -> None:
        """Wait for the answer to a request that Redis has, without making another one.

        With the answer may come a message, which nobody would see any more, or put back. As kombu
        does when it closes the channel: that takes the second of a BRPOP at most.
        """
        if getattr(self._channel, "_in_poll", None):
            with suppress(queues.Empty):
                self._channel._brpop_read()

    def _ready(self, connection: Connection) -> None:
        self._channel = connection.channel()
        receive_as_sent(self._channel)
        self._inbox.clear()
        self._window = self._prefetch
        self._sorter = Sorter(
            self._config,
            connection,
            self._channel,
            queue=self._queue,
            quarantine=self._quarantine,
            acquaintances=self._acquaintances,
            reading=self._reading,
            settle=self._settle,
        )
        self._consumers.clear()
        self._receive_from(self._queue)
        self._receive_from_pigeonhole()
        # Last: where the others fail, there is nothing to close.
        self._changes = changes_of(self._config.url, connection)

    def _receive_from_pigeonhole(self) -> None:
        """Receive what others have put aside for this ledger, once its id is known."""
        ledger_id = self._config.ledger_id()
        self._own_is_known = ledger_id is not None
        if ledger_id is not None:
            self._receive_from(pigeonhole(self._config, self._queue, ledger_id))

    def _receive_from(self, queue: Queue) -> None:
        consumer = KombuConsumer(
            self._channel, queues=[queue], on_message=self._inbox.append, accept=None
        )
        consumer.qos(prefetch_count=self._window)
        consumer.consume()
        self._consumers.append(consumer)

    def _await_messages(self, connection: Connection, timeout: float) -> bool:
        """Wait for something to arrive; tell whether it did."""
        if self._changes is None:
            return self._arrived(connection, timeout)
        until = time.monotonic() + timeout
        while not self._arrived(connection, 0):
            left = until - time.monotonic()
            if left <= 0:
                return False
            self._changes.wait(left)
        return True

    def _arrived(self, connection: Connection, timeout: float) -> bool:
        try:
            connection.drain_events(timeout=timeout)
        except TimeoutError:
            return False
        except socket.timeout:  # noqa: UP041 - some transports raise a class of their own
            return False
        except DBAPIError as error:
            if error.connection_invalidated or not is_worth_a_rerun(error):
                raise
            # Consumers of a database asked for the same rows, and this one is to ask again. What
            # it has taken before is kept: with a new connection only the sweep would find that.
            self._channel.session.rollback()
            return False
        return True

    def _drain(self, connection: Connection, timeout: float) -> None:
        """Wait for the first message, then take what else is ready without waiting."""
        # One may be there: it came while something else was asked of the broker.
        more = self._await_messages(connection, 0 if self._inbox else timeout)
        while more and len(self._inbox) < self._prefetch:
            more = self._await_messages(connection, 0)
        if connection.supports_heartbeats:
            connection.heartbeat_check()

    def _settle(self, message: ReceivedMessage, refusal: str | None) -> None:
        """Acknowledge what was published, or put aside what could not be."""
        with self._opened():
            assert self._sorter is not None  # noqa: S101 - made by _ready
            if refusal is None:
                message.ack()
            else:
                self._sorter.put_aside(message, refusal)

    def _widen(self, kept: int) -> None:
        """Let messages that are kept for others take no places from those that are ours."""
        if self._prefetch + kept <= self._window:
            return
        self._window = 2 * (self._prefetch + kept)
        on_rabbitmq = not hasattr(self._channel, "qos")
        for consumer in self._consumers:
            if on_rabbitmq:
                # It gives each consumer what held when that began.
                consumer.cancel()
            consumer.qos(prefetch_count=self._window)
            if on_rabbitmq:
                consumer.consume()

    def _clean(self) -> None:
        now = time.monotonic()
        if now >= self._clean_at:
            self._clean_at = now + _CLEAN_EVERY
            delete_consumed(self._channel)


class PublicationConsumer(IdConsumer):
    """Receives what other programs ask to publish, from a queue in which is nothing else.

    They need not know kombu.
    """

    def _ready(self, connection: Connection) -> None:
        super()._ready(connection)
        receive_bare(self._channel, self._queue)

    def _receive_from_pigeonhole(self) -> None:
        """Receive from that queue alone: nobody puts aside what is in there."""
        self._own_is_known = True


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

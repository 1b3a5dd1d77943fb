"""Sorting what arrives: what is ours is delivered, everything else goes where it belongs."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from attrs import frozen
from kombu.connection import Connection
from kombu.entity import Queue

from asyncevents_core.adapters.kombu.pigeonholes import Pigeonholes
from asyncevents_core.adapters.kombu.protocol import CONTENT_TYPE, IdMessage, NotOurs, decode
from asyncevents_core.adapters.kombu.publications import Reading, ReceivedPublication, Settle
from asyncevents_core.adapters.kombu.received import ReceivedMessage
from asyncevents_core.adapters.kombu.sending import Sender
from asyncevents_core.adapters.kombu.strangers import Strangers
from asyncevents_core.domain.limits import storable, text_mistake
from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.showing import shown

logger = logging.getLogger("asyncevents.broker")

_LONGEST_HEADER: Final = 300
_LONGEST_SOURCE: Final = 255
_LONGEST_CONTENT_TYPE: Final = 255
_MOST_ACQUAINTANCES: Final = 100
_TOLD_EVERY: Final = 600.0
"""Seconds until somebody who still sends messages is told of again, for the time in the ledger."""


class Acquaintances:
    """Whose messages arrived in a queue, besides those of this ledger. Used by one thread."""

    def __init__(self, queue: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._now = now
        self._told: dict[UUID | None, float] = {}
        self._new: list[Neighbour] = []

    def meet(self, ledger_id: UUID | None, source: str) -> bool:
        """Note whose message it is; tell whether it is somebody's first."""
        at = self._told.get(ledger_id)
        if at is None and len(self._told) >= _MOST_ACQUAINTANCES:
            return False
        if at is None or self._now() - at > _TOLD_EVERY:
            self._told[ledger_id] = self._now()
            short = storable(source, _LONGEST_SOURCE)
            self._new.append(Neighbour(queue=self._queue, ledger_id=ledger_id, source=short))
        return at is None

    def new(self) -> Sequence[Neighbour]:
        """Return those that were met since it was asked before."""
        new, self._new = self._new, []
        return new


@frozen(kw_only=True)
class Sorted:
    """What is for this ledger: ids with their messages, and what is to be published."""

    ours: Sequence[tuple[tuple[UUID, ...], ReceivedMessage]]
    publications: Sequence[ReceivedPublication]


class Sorter:
    """Sorts the messages of one connection. Used by its thread.

    * Ids of another ledger are sent on to the queue where only its workers look.
    * Messages that `reading` takes ask for publishing; `settle` acknowledges them.
    * What nobody can read that is for us goes to the quarantine.
    * What others have sent is kept a while and put back.
    """

    def __init__(
        self,
        config: BrokerConfig,
        connection: Connection,
        channel: Any,
        *,
        queue: Queue,
        quarantine: Queue,
        acquaintances: Acquaintances,
        reading: Reading | None,
        settle: Settle,
    ) -> None:
        self._config = config
        self._channel = channel
        self._queue = queue
        self._quarantine_queue = quarantine
        self._acquaintances = acquaintances
        self._reading = reading
        self._settle = settle
        self._strangers = Strangers(queue.name)
        self._pigeonholes = Pigeonholes(config, queue)
        self._connection = connection
        self._made: Sender | None = None
        self._sent_on: list[ReceivedMessage] = []

    @property
    def keeping(self) -> int:
        """How many messages of others are kept."""
        return len(self._strangers)

    def sort(self, inbox: deque[ReceivedMessage]) -> Sorted:
        """Take all messages; return what is for this ledger."""
        ours: list[tuple[tuple[UUID, ...], ReceivedMessage]] = []
        publications: list[ReceivedPublication] = []
        while inbox:
            message = inbox.popleft()
            try:
                if self._reading is not None and self._reading.takes(message):
                    publications.append(ReceivedPublication(message, self._reading, self._settle))
                    continue
                found = _read(message)
            except NotOurs as error:
                self._leave_to_others(message, str(error))
            except ValueError as error:
                self.put_aside(message, str(error))
            else:
                if not self._is_anothers(found):
                    ours.append((found.ids, message))
                else:
                    self._send_on(message, found)
            if not inbox:
                # While it waits for the broker, more may arrive.
                self._confirm()
        return Sorted(ours=ours, publications=publications)

    def put_back(self, *, all_of_them: bool = False) -> int:
        """Put back what others sent, where its time has come; return how many it was."""
        return self._strangers.put_back(all_of_them=all_of_them)

    @property
    def _sender(self) -> Sender:
        """What sends on this channel, made when something is to be sent."""
        if self._made is None:
            self._made = Sender(
                self._connection,
                self._channel,
                self._queue.exchange,
                answer_timeout=self._config.options.answer_timeout,
            )
        return self._made

    def _leave_to_others(self, message: ReceivedMessage, reason: str) -> None:
        """Put a message that is not ours back into the queue, for whoever waits for it, later.

        The one place where such messages are handled.
        """
        kind = shown(message.content_type)
        if self._acquaintances.meet(None, f"{kind}, {reason}"):
            logger.warning(
                "others send messages to a queue of ours; they are put back. With a BROKER_PREFIX "
                "this application has queues of its own",
                extra={"queue": self._queue.name, "reason": reason, "content_type": kind},
            )
        self._strangers.keep(message)

    def _is_anothers(self, found: IdMessage) -> bool:
        if found.ledger_id is None:
            # Of a version that did not say.
            return False
        own = self._config.ledger_id()
        return own is not None and found.ledger_id != own

    def _send_on(self, message: ReceivedMessage, found: IdMessage) -> None:
        """Send ids of another ledger to the queue where its workers look."""
        assert found.ledger_id is not None  # noqa: S101 - it is another's
        if self._acquaintances.meet(found.ledger_id, found.source):
            logger.warning(
                "hand-offs of another ledger arrive in a queue of ours, and are sent on; ours may "
                "arrive at its workers. Give each application a BROKER_PREFIX, or a virtual host "
                "or database of its own at the broker",
                extra={
                    "queue": self._queue.name,
                    "source": found.source,
                    "ledger": str(found.ledger_id),
                },
            )
        key = self._pigeonholes.open(found.ledger_id, self._channel)
        if key is None:
            self._strangers.keep(message)
            return
        self._sender.publish(message.body, routing_key=key, content_type=CONTENT_TYPE)
        self._sent_on.append(message)

    def _confirm(self) -> None:
        """Acknowledge what was sent on, once the broker has it."""
        if self._sent_on:
            self._sender.flush()
            sent_on, self._sent_on = self._sent_on, []
            for message in sent_on:
                message.ack()

    def put_aside(self, message: ReceivedMessage, reason: str) -> None:
        """Put a message that nobody can use where people find it, and never see it again."""
        queue = self._quarantine_queue
        if message.size > len(message.body):
            reason += f"; of {message.size:,} bytes the first {len(message.body):,} are kept"
        short = storable(reason, _LONGEST_HEADER)
        logger.warning(
            "a message cannot be used; it is set aside",
            extra={"queue": queue.name, "reason": short},
        )
        queue(self._channel).declare()
        self._sender.publish(
            message.body,
            routing_key=queue.routing_key,
            content_type=_content_type(message),
            content_encoding="binary",
            headers={"asyncevents-reason": short},
            exchange=queue.exchange,
        )
        self._sender.flush()
        message.ack()


def _content_type(message: ReceivedMessage) -> str:
    """Return what the message says it is, where that can be sent on."""
    said: object = message.content_type
    if isinstance(said, str) and said.isascii() and not text_mistake(said, _LONGEST_CONTENT_TYPE):
        return said
    return "application/octet-stream"


def _read(message: ReceivedMessage) -> IdMessage:
    if message.compression is not None:
        raise NotOurs(f"compressed ({shown(message.compression)}), as no hand-off is")
    return decode(message.body)

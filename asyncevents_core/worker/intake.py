"""The thread that publishes what messages of other programs ask for."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from asyncevents_core.domain.foreign_event import MOST_EVENTS
from asyncevents_core.engine.publishing.foreign import refused_of, request_of
from asyncevents_core.engine.publishing.publish import LedgerPublisher, PublishRules
from asyncevents_core.engine.shared.carrier import IdCarrier
from asyncevents_core.engine.shared.progress import Progress
from asyncevents_core.errors import (
    AsyncEventsError,
    LedgerNotMigrated,
    LedgerUnavailable,
    PublishError,
)
from asyncevents_core.ports.broker import HandOff, Publication
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.observer import Observers
from asyncevents_core.ports.resolver import Definitions
from asyncevents_core.ports.tracing import Tracing
from asyncevents_core.worker.inboxes import Inbox, PublicationInbox

logger = logging.getLogger("asyncevents.worker.intake")

_LOOK_EVERY: Final = 5.0
_MOST_WAITING: Final = 100
"""Hand-offs that may wait for the claiming thread, so that a backlog does not fill the memory."""
_SHORTEST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
_LAST_TRANSACTION: Final = 5.0
"""Seconds for a transaction that is under way when the worker stops."""
_AWAY: Final = (LedgerUnavailable, LedgerNotMigrated)
"""What is worth waiting for; anything else fails again with the same message."""


class Intake:
    """Publishes messages and lets them be acknowledged once their events are committed.

    While the ledger is away they stay in the broker's queue. What cannot be published is put
    aside, with the reason, and keeps nothing else waiting. `claiming` is where the thread beside
    this one takes ids from, `name` tells this thread from others.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        definitions: Definitions,
        rules: PublishRules,
        inbox: PublicationInbox,
        claiming: Inbox,
        name: str,
        observers: Observers,
        tracing: Tracing,
    ) -> None:
        self._inbox = inbox
        self._definitions = definitions
        self._rules = rules
        self._publisher = LedgerPublisher(
            ledger=ledger,
            definitions=definitions,
            rules=rules,
            carrier=_ToThisProcess(claiming),
            observers=observers,
            tracing=tracing,
        )
        self.progress = Progress(f"the {name} of messages to publish")
        self._publishing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the transaction under way; what waits goes back to the broker's queue."""
        self._stop.set()
        self._inbox.asked.ring()
        self._thread.join(_LAST_TRANSACTION)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be published."""
        return not (self._inbox.publications or self._publishing)

    def _run(self) -> None:
        self.progress.begin()
        pause = 0.0
        while not self._stop.is_set():
            self._wait(pause)
            pause = self._try(pause)
        self.progress.end()

    def _wait(self, pause: float) -> None:
        """Wait for messages, or for `pause` seconds while the ledger is away."""
        self.progress.rest()
        if pause:
            self._stop.wait(pause)
        else:
            self._inbox.asked.wait(_LOOK_EVERY)
        self.progress.step()

    def _try(self, pause: float) -> float:
        """Publish what waits; return how long to pause: longer and longer without the ledger."""
        try:
            self._publish_waiting()
        except _AWAY as error:
            if not pause:
                logger.warning(
                    "the ledger does not answer; messages to publish stay in their queue",
                    extra={"error": str(error)},
                )
        except Exception:
            logger.exception("publishing messages failed; trying again")
        else:
            return 0.0
        return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, pause * 2))

    def _publish_waiting(self) -> None:
        self._publishing = True
        try:
            connection, left = self._inbox.take_publications()
            try:
                self._publish(left)
            finally:
                self._inbox.put_back_publications(connection, left)
        finally:
            self._publishing = False

    def _publish(self, left: deque[Publication]) -> None:
        """Publish messages together; one by one where one of them cannot be.

        What is done with is taken out of `left`.
        """
        while left and not self._stop.is_set():
            self.progress.step()
            together = _together(left)
            if len(together) > 1 and self._publish_together(together):
                for _ in together:
                    left.popleft()
                continue
            for one in together:
                if self._stop.is_set():
                    return
                self.progress.step()
                self._publish_or_refuse(one)
                left.popleft()

    def _publish_together(self, messages: Sequence[Publication]) -> bool:
        """Publish messages in one transaction; tell whether that could be."""
        try:
            self._commit(messages)
        except _AWAY:
            raise
        except Exception as error:
            logger.debug("publishing one by one", extra={"error": str(error)})
            return False
        return True

    def _publish_or_refuse(self, one: Publication) -> None:
        try:
            self._commit([one])
        except _AWAY:
            raise
        except Exception as error:
            if not isinstance(error, AsyncEventsError):
                names = sorted({event.name for event in one.events})
                logger.exception("a message cannot be published", extra={"events": names})
            one.refuse(f"it cannot be published: {self._explained(one, error)}")
            self._inbox.acknowledge([one])

    def _explained(self, one: Publication, error: Exception) -> str:
        """Return what is wrong, and with which event where there are several."""
        if len(one.events) > 1 and isinstance(error, PublishError):
            requests = list(map(request_of, one.events))
            found = refused_of(requests, error, self._definitions, self._rules)
            if found is not None:
                return f"events[{found.index}]: {found}"
        return str(error)

    def _commit(self, messages: Sequence[Publication]) -> None:
        requests = [request_of(event) for one in messages for event in one.events]
        self._publisher.publish_many(requests, transaction=None)
        self._inbox.acknowledge(messages)


def _together(messages: Iterable[Publication]) -> list[Publication]:
    """Return the first messages, of `MOST_EVENTS` events in all; one at least."""
    found: list[Publication] = []
    room = MOST_EVENTS
    for one in messages:
        room -= len(one.events)
        if found and room < 0:
            break
        found.append(one)
    return found


class _ToThisProcess(IdCarrier):
    """Brings ids to the claiming thread beside this one, as long as that keeps up.

    What it does not get is found in the ledger, by whoever has permits free.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def submit(self, ids: Sequence[UUID]) -> None:
        """Put ids where received ones are."""
        if len(self._inbox) < _MOST_WAITING:
            self._inbox.put([_Published(tuple(ids))])


class _Published(HandOff):
    """Ids that came from no broker."""

    def __init__(self, ids: tuple[UUID, ...]) -> None:
        self.ids = ids

    def ack(self) -> None:
        """See `HandOff`. Nobody waits for it."""

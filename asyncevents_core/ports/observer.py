"""Contract of observers: they hear what happens, and decide nothing.

Metrics, alerts and the like are observers. Notices are sent after the fact and best effort: one
that finds the queue full is dropped, and one is lost with its process. What must not be lost
belongs in the transaction that writes the outcome (`engine/delivering/outcomes.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.domain.worker import WorkerRow


class Observer:
    """Override what you want to hear of; all the rest does nothing.

    Each observer has a thread of its own, which calls one method after the other, in the order of
    the notices. An exception is logged. One that waits for long holds up nobody else; notices that
    come meanwhile are dropped once its queue is full.
    """

    def events_published(self, notice: EventsPublished) -> None:
        """Events were committed by this process."""

    def events_handed_off(self, notice: EventsHandedOff) -> None:
        """The broker has the ids of events."""

    def round_claimed(self, notice: RoundClaimed) -> None:
        """A worker has claimed events and deliveries in one transaction."""

    def attempt_started(self, notice: AttemptStarted) -> None:
        """A sink is about to be called."""

    def attempt_ended(self, notice: AttemptEnded) -> None:
        """A sink has returned, or its time was over; the outcome is not written yet."""

    def delivery_died(self, notice: DeliveryDied) -> None:
        """A delivery has become a dead letter; this is committed."""

    def event_failed(self, notice: EventFailed) -> None:
        """An event was given up, since its service failed; this is committed."""

    def subscription_changed(self, notice: SubscriptionChanged) -> None:
        """A subscription was made, changed, enabled, disabled or deleted; this is committed."""

    def ledger_used(self, notice: LedgerUsed) -> None:
        """A transaction on the ledger is over, committed or not."""

    def backlog_counted(self, notice: BacklogCounted) -> None:
        """A worker has counted what is open; about every `BACKLOG_EVERY` seconds."""

    def hand_offs_dropped(self, notice: HandOffsDropped) -> None:
        """Ids of events do not go through the broker; workers find the events in the ledger."""

    def worker_measured(self, notice: WorkerMeasured) -> None:
        """A worker has looked at itself; about every `BACKLOG_EVERY` seconds."""

    def worker_started(self, notice: WorkerStarted) -> None:
        """A worker of this process has begun to claim."""

    def worker_stopping(self, notice: WorkerStopping) -> None:
        """A worker of this process claims nothing more, and finishes what is under way."""


BACKLOG_EVERY: Final = 5.0
"""Seconds from one count of the backlog to the next, where somebody observes."""


class Notice(ABC):
    """Something that happened. `tell` calls the observer's method for it."""

    @abstractmethod
    def tell(self, observer: Observer) -> None:
        """Call the method of the observer that is for such notices; what it raises passes."""


class Observers(ABC):
    """Whom to tell. Thread-safe; never blocks and never raises."""

    any: bool
    """Whether anybody observes: if not, no notice need be made."""

    @abstractmethod
    def tell(self, notice: Notice) -> None:
        """Tell all observers, soon."""


class NoObservers(Observers):
    """Nobody observes."""

    any = False

    def tell(self, notice: Notice) -> None:
        pass


NOBODY: Final = NoObservers()


@frozen(kw_only=True)
class EventsPublished(Notice):
    """`names` are those of the events, in the order of `event_ids`."""

    event_ids: Sequence[UUID]
    names: Sequence[str]

    def tell(self, observer: Observer) -> None:
        observer.events_published(self)


@frozen(kw_only=True)
class EventsHandedOff(Notice):
    """Ids that the broker has confirmed."""

    event_ids: Sequence[UUID]

    def tell(self, observer: Observer) -> None:
        observer.events_handed_off(self)


@frozen(kw_only=True)
class RoundClaimed(Notice):
    """The result of one round of claiming; `seconds` is how long its transaction took.

    `stale` ids of hand-offs found nothing to do. `more` says that more is due than was taken.
    """

    events: int
    deliveries: Sequence[UUID]
    resolving: int
    stale: int
    more: bool
    seconds: float

    def tell(self, observer: Observer) -> None:
        observer.round_claimed(self)


@frozen(kw_only=True)
class AttemptStarted(Notice):
    """`number` counts the attempts of a delivery from 1 on, those that were given back left out."""

    delivery_id: UUID
    event_name: str
    subscription_id: int
    sink: str
    number: int

    def tell(self, observer: Observer) -> None:
        observer.attempt_started(self)


@frozen(kw_only=True)
class AttemptEnded(Notice):
    """`seconds` is how long the sink took.

    `since_published` are the seconds from the event's `occurred_at` to the end of the attempt;
    None for a replay.
    """

    delivery_id: UUID
    event_name: str
    subscription_id: int
    sink: str
    outcome: Outcome
    seconds: float
    since_published: float | None = None

    def tell(self, observer: Observer) -> None:
        observer.attempt_ended(self)


@frozen(kw_only=True)
class DeliveryDied(Notice):
    """A dead letter and why it is one. `sink` is None where its subscription is not known."""

    delivery_id: UUID
    subscription_id: int
    sink: str | None
    reason: DeadReason

    def tell(self, observer: Observer) -> None:
        observer.delivery_died(self)


@frozen(kw_only=True)
class EventFailed(Notice):
    """`error` is what the service failed with last."""

    event_id: UUID
    event_name: str
    error: str

    def tell(self, observer: Observer) -> None:
        observer.event_failed(self)


@frozen(kw_only=True)
class SubscriptionChanged(Notice):
    """A subscription and its status from now on."""

    subscription_id: int
    status: SubscriptionStatus

    def tell(self, observer: Observer) -> None:
        observer.subscription_changed(self)


@frozen(kw_only=True)
class LedgerUsed(Notice):
    """A transaction: how long it took in all, and how often it was run again.

    `rows` were written or locked, as the database counts them; `failed` if it was not committed.
    """

    seconds: float
    rows: int
    reruns: int
    reads_only: bool
    failed: bool

    def tell(self, observer: Observer) -> None:
        observer.ledger_used(self)


@frozen(kw_only=True)
class BacklogCounted(Notice):
    """What is open in the ledger, as one worker counted it."""

    backlog: Backlog

    def tell(self, observer: Observer) -> None:
        observer.backlog_counted(self)


@frozen(kw_only=True)
class HandOffsDropped(Notice):
    """So many ids could not be kept, or were in the way of a process's end."""

    events: int

    def tell(self, observer: Observer) -> None:
        observer.hand_offs_dropped(self)


@frozen(kw_only=True)
class WorkerMeasured(Notice):
    """What a worker sees of itself.

    `in_flight` attempts are under way, and so many more may begin as permits are `free`;
    `unwritten` outcomes are not in the ledger yet. `loop_lag` are the seconds by which the event
    loop was late, at most, since it was told last. `stuck` calls of sinks and services go on
    although their time is over. `ledger_answers` and `broker_answers` say whether it reaches them;
    None: it receives nothing. `index_waiting` attempts are not in the search index yet; None:
    another worker feeds it, or nobody. `stalled` says whether something without which nothing is
    delivered stands still.
    """

    in_flight: int
    free: int
    unwritten: int
    loop_lag: float
    stuck: int
    ledger_answers: bool
    broker_answers: bool | None
    index_waiting: int | None
    stalled: bool

    def tell(self, observer: Observer) -> None:
        observer.worker_measured(self)


@frozen(kw_only=True)
class WorkerStarted(Notice):
    """The worker's row."""

    worker: WorkerRow

    def tell(self, observer: Observer) -> None:
        observer.worker_started(self)


@frozen(kw_only=True)
class WorkerStopping(Notice):
    """The worker's row, and how many attempts are under way."""

    worker: WorkerRow
    under_way: int

    def tell(self, observer: Observer) -> None:
        observer.worker_stopping(self)

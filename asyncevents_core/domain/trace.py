"""What became of an event: its trace, the log, dead letters, the backlog."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import Attempt, DeadReason, Delivery, DeliveryState, summary
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.replay import ReplayRequest
from asyncevents_core.domain.subscription import SubscriptionStatus

EVENT_FAILED: Final = "Its service failed: not delivered to anybody"
"""The summary of a failed event."""


@frozen(kw_only=True)
class Trace:
    """Everything that happened to one delivery. `event.body` is the payload that was sent.

    `attempts` are all, but for `left_out` in the middle where only so many were asked for.
    `replays` are the ids of the deliveries that replayed this one; `request` says who had
    this one made, where it is a replay itself. `sink`, `target` and `subscription_status` are those
    of its subscription now; `subscribed_at` is when that was made.
    """

    delivery: Delivery
    event: Event
    sink: str
    target: str
    attempts: tuple[Attempt, ...]
    left_out: int = 0
    replays: tuple[UUID, ...]
    request: ReplayRequest | None = None
    subscription_status: SubscriptionStatus
    subscribed_at: int

    @property
    def summary(self) -> str:
        """E.g. "Delivered with 2 retries"."""
        return summary(self.delivery.state, self.delivery.deaths)

    def fate(self, attempt: Attempt) -> Fate:
        """Return what became of one of its attempts."""
        newest = attempt.claim_no == self.delivery.claims
        return fate_of(attempt.outcome, self.delivery.state, newest=newest)


@frozen(kw_only=True)
class EventDelivery:
    """One of an event's deliveries in a list, with the target of its subscription now."""

    delivery: Delivery
    target: str

    @property
    def summary(self) -> str:
        """As `Trace.summary`."""
        return summary(self.delivery.state, self.delivery.deaths)


class Fate(enum.StrEnum):
    """What became of an attempt: its outcome, and whether it was tried again."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    DEAD_LETTERED = "dead_lettered"
    ABANDONED = "abandoned"


def fate_of(outcome: OutcomeKind, state: DeliveryState, *, newest: bool) -> Fate:
    """Return what became of an attempt; `newest`: its delivery, in this state, has no later one."""
    if outcome is OutcomeKind.DELIVERED:
        return Fate.DELIVERED
    if outcome is OutcomeKind.ABANDONED:
        return Fate.ABANDONED
    over = newest and state is DeliveryState.DEAD
    if outcome is OutcomeKind.RETRYABLE and not over:
        return Fate.RETRYING
    return Fate.DEAD_LETTERED


@frozen(kw_only=True, order=True)
class LogPosition:
    """Where an attempt stands in the log: by its start, then by its `log_id`."""

    started_at: int
    log_id: int


@frozen(kw_only=True)
class LogRow:
    """One attempt in a list. `newest` says whether its delivery has no later one."""

    log_id: int
    event_id: UUID
    event_name: str
    tenant: str | None
    subscription_id: int
    sink: str
    delivery_state: DeliveryState
    newest: bool
    attempt: Attempt

    @property
    def fate(self) -> Fate:
        """What became of it."""
        return fate_of(self.attempt.outcome, self.delivery_state, newest=self.newest)

    @property
    def position(self) -> LogPosition:
        """Where it stands in the log."""
        return LogPosition(started_at=self.attempt.started_at, log_id=self.log_id)


@frozen(kw_only=True)
class LogBatch:
    """Rows that are exported together.

    `payloads` are the CloudEvents that were sent, as JSON text by the id of the event; without
    those that are not kept any more. None where they were not asked for.
    """

    rows: Sequence[LogRow]
    payloads: Mapping[UUID, bytes] | None = None


@frozen(kw_only=True)
class LoggedAttempt:
    """One attempt with everything that can be searched for. `event.body` is what was sent."""

    row: LogRow
    event: Event

    @property
    def log_id(self) -> int:
        """The number of the attempt in the log."""
        return self.row.log_id


@frozen(kw_only=True)
class DeadLetter:
    """A delivery that is dead, or an event that failed before it could fan out.

    `id` is what `replay` takes; `subscription_id` is None for a failed event. `replayed` tells
    whether a delivery was replayed already, `error` what an event's service failed with. A delivery
    that arrived, and is listed to be sent again, has no `reason`.
    """

    id: UUID
    event_name: str
    subscription_id: int | None
    target: str | None
    reason: DeadReason | None
    error: str | None
    summary: str
    created_at: int
    replayed: bool


@frozen(kw_only=True)
class OpenDelivery:
    """A delivery that is not over, in a list. `claims` are the attempts that began."""

    id: UUID
    event_name: str
    subscription_id: int
    target: str
    state: DeliveryState
    parked: bool
    due_at: int | None
    claims: int
    created_at: int


@frozen(kw_only=True)
class Backlog:
    """How much is open. Rows that are due and nobody took are what a drain waits for.

    `events_open` and `events_resolving` are not fanned out yet, `events_due` of them are due;
    `waiting_due` deliveries are due, `waiting_later` are scheduled (neither counts `parked`);
    `oldest_due_at` is the oldest due time among open events and waiting deliveries.
    """

    events_open: int
    events_due: int
    events_resolving: int
    events_failed: int
    waiting_due: int
    waiting_later: int
    parked: int
    leased: int
    held: int
    dead: int
    oldest_due_at: int | None


@frozen(kw_only=True)
class LogFilter:
    """All conditions that are given hold.

    `tenant` is that of the subscription. `since` and `until` bound the attempt's start, in
    microseconds. `delivered` tells those that succeeded from those that did not.
    """

    subscription_id: int | None = None
    event_name: str | None = None
    tenant: str | None = None
    delivered: bool | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, outcome: OutcomeKind) -> bool:
        """Tell whether an outcome is one of those meant."""
        return self.delivered in (None, outcome is OutcomeKind.DELIVERED)

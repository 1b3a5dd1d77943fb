"""What became of an event: its trace, the log, dead letters, the backlog."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import Attempt, Delivery, DeliveryState, summary
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.replay import ReplayRequest

EVENT_FAILED: Final = "Its service failed: not delivered to anybody"
"""The summary of a failed event."""


@frozen(kw_only=True)
class Trace:
    """Everything that happened to one delivery. `event.body` is the payload that was sent.

    `replays` are the ids of the deliveries that replayed this one; `request` says who had
    this one made, where it is a replay itself.
    """

    delivery: Delivery
    event: Event
    sink: str
    target: str
    attempts: tuple[Attempt, ...]
    replays: tuple[UUID, ...]
    request: ReplayRequest | None = None

    @property
    def summary(self) -> str:
        """E.g. "Delivered with 2 retries"."""
        return summary(self.delivery.state, self.delivery.deaths)


@frozen(kw_only=True, order=True)
class LogPosition:
    """Where an attempt stands in the log: by its start, then by its `log_id`."""

    started_at: int
    log_id: int


@frozen(kw_only=True)
class LogRow:
    """One attempt in a list."""

    log_id: int
    event_name: str
    subscription_id: int
    delivery_state: DeliveryState
    attempt: Attempt

    @property
    def position(self) -> LogPosition:
        """Where it stands in the log."""
        return LogPosition(started_at=self.attempt.started_at, log_id=self.log_id)


@frozen(kw_only=True)
class LoggedAttempt:
    """One attempt with everything that can be searched for. `event.body` is what was sent.

    `newest` says whether its delivery has no later attempt.
    """

    log_id: int
    attempt: Attempt
    event: Event
    subscription_id: int
    sink: str
    delivery_state: DeliveryState
    newest: bool

    @property
    def row(self) -> LogRow:
        """The same as a row of a list."""
        return LogRow(
            log_id=self.log_id,
            event_name=self.event.name,
            subscription_id=self.subscription_id,
            delivery_state=self.delivery_state,
            attempt=self.attempt,
        )

    @property
    def status(self) -> str:
        """The status of the attempt: delivered, retrying, dead_lettered or abandoned."""
        outcome = self.attempt.outcome
        if outcome in {OutcomeKind.DELIVERED, OutcomeKind.ABANDONED}:
            return outcome.value
        if outcome is OutcomeKind.RETRYABLE:
            over = self.newest and self.delivery_state is DeliveryState.DEAD
            return "dead_lettered" if over else "retrying"
        return "dead_lettered"


@frozen(kw_only=True)
class DeadLetter:
    """A delivery that is dead, or an event that failed before it could fan out.

    `id` is what `replay` takes; `subscription_id` is None for a failed event. `replayed` tells
    whether a delivery was replayed already.
    """

    id: UUID
    event_name: str
    subscription_id: int | None
    target: str | None
    reason: str
    summary: str
    created_at: int
    replayed: bool


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

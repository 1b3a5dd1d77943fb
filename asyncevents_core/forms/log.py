"""Forms of what happened: attempts, traces, dead letters."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from attrs import evolve, frozen

from asyncevents_core.domain.delivery import Attempt, DeadReason, DeliveryState
from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.domain.trace import DeadLetter, Fate, LogBatch, LogRow, Trace
from asyncevents_core.forms.values import ReadJson, optional_time


@frozen(kw_only=True)
class AttemptForm:
    """One attempt of a trace, and what became of it (`fate`).

    `duration` is in seconds, `response` is cut where it was long. `attempt` counts from 1.
    """

    log_id: int
    attempt: int
    outcome: OutcomeKind
    success: bool
    fate: Fate
    detail: str
    http_status: int | None
    response: str
    target: str
    started_at: datetime
    duration: float

    @classmethod
    def of(cls, one: Attempt, fate: Fate) -> Self:
        """Return the form of an attempt that was written."""
        return cls(
            log_id=one.log_id or 0,
            attempt=one.claim_no,
            outcome=one.outcome,
            success=one.outcome is OutcomeKind.DELIVERED,
            fate=fate,
            detail=one.detail,
            http_status=one.http_status,
            response=one.response,
            target=one.target,
            started_at=to_datetime(one.started_at),
            duration=one.duration,
        )


@frozen(kw_only=True)
class LogRowForm:
    """A row of the log: an attempt, what it was of, and what became of it (`fate`).

    `uuid` is the delivery's id, to trace; `attempt` counts from 1.
    """

    log_id: int
    uuid: UUID
    event_id: UUID
    event_name: str
    tenant: str | None
    subscription_id: int
    sink: str
    target: str
    attempt: int
    started_at: datetime
    duration: float
    outcome: OutcomeKind
    success: bool
    fate: Fate
    detail: str
    http_status: int | None
    response: str
    delivery_state: DeliveryState

    @classmethod
    def of(cls, one: LogRow) -> Self:
        """Return the form of a row of the log."""
        attempt = AttemptForm.of(one.attempt, one.fate)
        return cls(
            log_id=one.log_id,
            uuid=one.attempt.delivery_id,
            event_id=one.event_id,
            event_name=one.event_name,
            tenant=one.tenant,
            subscription_id=one.subscription_id,
            sink=one.sink,
            target=attempt.target,
            attempt=attempt.attempt,
            started_at=attempt.started_at,
            duration=attempt.duration,
            outcome=attempt.outcome,
            success=attempt.success,
            fate=attempt.fate,
            detail=attempt.detail,
            http_status=attempt.http_status,
            response=attempt.response,
            delivery_state=one.delivery_state,
        )


@frozen(kw_only=True)
class PayloadRowForm(LogRowForm):
    """A row of the log with `payload`, the CloudEvent that was sent; null if it is not kept."""

    payload: dict[str, Any] | None = None

    @classmethod
    def of_batch(cls, batch: LogBatch, read_json: ReadJson) -> list[Self]:
        """Return the forms of rows that were read with their payloads."""
        payloads = {one: read_json(body) for one, body in (batch.payloads or {}).items()}
        return [evolve(cls.of(one), payload=payloads.get(one.event_id)) for one in batch.rows]


@frozen(kw_only=True)
class TraceForm:
    """A delivery with all that happened to it. `payload` is the CloudEvent that was sent."""

    uuid: UUID
    summary: str
    delivery_state: DeliveryState
    reason: DeadReason | None
    event_id: UUID
    event_name: str
    tenant: str | None
    subscription_id: int
    subscription_status: SubscriptionStatus
    subscribed_at: datetime
    sink: str
    target: str
    due_at: datetime | None
    replay_of: UUID | None
    replays: list[UUID]
    requested_by: str | None
    requested_at: datetime | None
    attempts: list[AttemptForm]
    payload: dict[str, Any] | None

    @classmethod
    def of(cls, one: Trace, read_json: ReadJson) -> Self:
        """Return the form of a trace."""
        delivery, event, request = one.delivery, one.event, one.request
        return cls(
            uuid=delivery.id,
            summary=one.summary,
            delivery_state=delivery.state,
            reason=delivery.reason,
            event_id=event.id,
            event_name=event.name,
            tenant=event.tenant,
            subscription_id=delivery.subscription_id,
            subscription_status=one.subscription_status,
            subscribed_at=to_datetime(one.subscribed_at),
            sink=one.sink,
            target=one.target,
            due_at=optional_time(delivery.due_at),
            replay_of=delivery.replay_of,
            replays=list(one.replays),
            requested_by=None if request is None else request.requested_by,
            requested_at=None if request is None else to_datetime(request.requested_at),
            attempts=[AttemptForm.of(attempt, one.fate(attempt)) for attempt in one.attempts],
            payload=None if event.body is None else read_json(event.body),
        )


@frozen(kw_only=True)
class DeadLetterForm:
    """A delivery that is dead, or an event whose service failed (then without subscription).

    `uuid` is what a replay takes: the delivery's id, or the event's. `error` is what the service
    failed with, null for a delivery.
    """

    uuid: UUID
    event_name: str
    subscription_id: int | None
    target: str | None
    reason: DeadReason | None
    error: str | None
    summary: str
    created_at: datetime
    replayed: bool

    @classmethod
    def of(cls, one: DeadLetter) -> Self:
        """Return the form of a dead letter."""
        return cls(
            uuid=one.id,
            event_name=one.event_name,
            subscription_id=one.subscription_id,
            target=one.target,
            reason=one.reason,
            error=one.error,
            summary=one.summary,
            created_at=to_datetime(one.created_at),
            replayed=one.replayed,
        )

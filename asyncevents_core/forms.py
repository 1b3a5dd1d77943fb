"""What is shown of attempts, traces, subscriptions and the rest: one form, in the same words.

The command line prints these values with `--json`, the REST API answers with them and describes
them in its OpenAPI document. Only the routes of mageos-async-events have forms of their own.

Words: `uuid` is a delivery's id, `event_id` an event's, `external_id` what its publisher called
it. `http_status` is the recipient's, `status` a subscription's. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import Attempt, DeadReason, DeliveryState
from asyncevents_core.domain.event import Event, EventDefinition, EventState
from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.domain.token import ApiToken, TokenState
from asyncevents_core.domain.trace import DeadLetter, LogRow, Trace
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.upkeep.status import Status

ReadJson = Callable[[bytes], Any]
"""Turns JSON text of the ledger into a value for the answer: `json.loads`, or what leaves it as
it is."""


@frozen(kw_only=True)
class AttemptForm:
    """One attempt; `duration` is in seconds, `response` is cut where it was long."""

    outcome: OutcomeKind
    success: bool
    detail: str
    http_status: int | None
    response: str
    target: str
    started_at: datetime
    duration: float

    @classmethod
    def of(cls, one: Attempt) -> Self:
        """Return the form of an attempt."""
        return cls(
            outcome=one.outcome,
            success=one.outcome is OutcomeKind.DELIVERED,
            detail=one.detail,
            http_status=one.status,
            response=one.response,
            target=one.target,
            started_at=to_datetime(one.started_at),
            duration=one.duration,
        )


@frozen(kw_only=True)
class LogRowForm:
    """A row of the log: an attempt, and what it was of. `uuid` is the delivery, to trace."""

    log_id: int
    uuid: UUID
    event_name: str
    subscription_id: int
    delivery_state: DeliveryState
    outcome: OutcomeKind
    success: bool
    detail: str
    http_status: int | None
    response: str
    target: str
    started_at: datetime
    duration: float

    @classmethod
    def of(cls, one: LogRow) -> Self:
        """Return the form of a row of the log."""
        attempt = AttemptForm.of(one.attempt)
        return cls(
            log_id=one.log_id,
            uuid=one.attempt.delivery_id,
            event_name=one.event_name,
            subscription_id=one.subscription_id,
            delivery_state=one.delivery_state,
            outcome=attempt.outcome,
            success=attempt.success,
            detail=attempt.detail,
            http_status=attempt.http_status,
            response=attempt.response,
            target=attempt.target,
            started_at=attempt.started_at,
            duration=attempt.duration,
        )


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
            sink=one.sink,
            target=one.target,
            due_at=_time(delivery.due_at),
            replay_of=delivery.replay_of,
            replays=list(one.replays),
            requested_by=None if request is None else request.requested_by,
            requested_at=None if request is None else to_datetime(request.requested_at),
            attempts=[AttemptForm.of(attempt) for attempt in one.attempts],
            payload=None if event.body is None else read_json(event.body),
        )


@frozen(kw_only=True)
class DeadLetterForm:
    """A delivery that is dead, or an event whose service failed (then without subscription).

    `uuid` is what a replay takes: the delivery's id, or the event's.
    """

    uuid: UUID
    event_name: str
    subscription_id: int | None
    target: str | None
    reason: str
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
            summary=one.summary,
            created_at=to_datetime(one.created_at),
            replayed=one.replayed,
        )


@frozen(kw_only=True)
class SubscriptionForm:
    """Everything about a subscription but its secret; what is secret in `options` is masked.

    `signed` says whether it has a secret, `unreadable` why secret or options cannot be decrypted.
    """

    subscription_id: int
    status: SubscriptionStatus
    event_name: str
    sink: str
    target: str
    tenant: str | None
    maximum_deaths: int | None
    schedule: list[float] | None
    jitter: float
    rate_limit: float | None
    options: dict[str, Any]
    signed: bool
    unreadable: str | None
    created_at: datetime

    @classmethod
    def of(cls, one: Subscription, options: dict[str, Any]) -> Self:
        """Return the form of a subscription; `options` are masked already."""
        retry = one.retry
        return cls(
            subscription_id=one.id,
            status=one.status,
            event_name=one.event_name,
            sink=one.sink,
            target=one.target,
            tenant=one.tenant,
            maximum_deaths=retry.maximum_deaths,
            schedule=None if retry.schedule is None else list(retry.schedule),
            jitter=retry.jitter,
            rate_limit=one.rate_limit,
            options=options,
            signed=one.signed,
            unreadable=one.unreadable,
            created_at=to_datetime(one.created_at),
        )


@frozen(kw_only=True)
class EventDefinitionForm:
    """An event that can be subscribed to; `resources` are all needed to do so."""

    name: str
    title: str | None
    service: str | None
    resources: list[str]
    origin: str

    @classmethod
    def of(cls, one: EventDefinition) -> Self:
        """Return the form of an event definition."""
        return cls(
            name=one.name,
            title=one.title,
            service=one.service,
            resources=list(one.resources),
            origin=one.origin,
        )


@frozen(kw_only=True)
class PublishedForm:
    """What was published; `external_id` is the publisher's own id, `data` what it published."""

    event_id: UUID
    external_id: str | None
    event_name: str
    state: EventState
    reason: str | None
    tenant: str | None
    published_at: datetime
    data: Any

    @classmethod
    def of(cls, one: Event, read_json: ReadJson) -> Self:
        """Return the form of an event."""
        return cls(
            event_id=one.id,
            external_id=one.external_id,
            event_name=one.name,
            state=one.state,
            reason=one.reason,
            tenant=one.tenant,
            published_at=to_datetime(one.created_at),
            data=read_json(one.published),
        )


@frozen(kw_only=True)
class WorkerForm:
    """A worker process that is alive."""

    id: UUID
    host: str
    pid: int
    consumers: list[Role]
    started_at: datetime
    beat_at: datetime

    @classmethod
    def of(cls, one: WorkerRow) -> Self:
        """Return the form of a worker."""
        return cls(
            id=one.id,
            host=one.host,
            pid=one.pid,
            consumers=list(one.roles),
            started_at=to_datetime(one.started_at),
            beat_at=to_datetime(one.beat_at),
        )


@frozen(kw_only=True)
class StatusForm:
    """The backlog and the workers; `oldest_due_seconds` is how late the oldest due row is.

    Of `workers_alive` processes, `trigger_consumers` take new events, `retry_consumers` make
    deliveries that are due again, and `index_consumers` feed the search index.
    `index_waiting` attempts (counted up to 100,000) are not in the search index yet, and
    `index_set_aside` were refused by it.
    """

    events_open: int
    events_resolving: int
    events_failed: int
    deliveries_due: int
    retries_scheduled: int
    parked: int
    under_way: int
    held: int
    dead_letters: int
    oldest_due_at: datetime | None
    oldest_due_seconds: float | None
    workers_alive: int
    trigger_consumers: int
    retry_consumers: int
    index_consumers: int
    index_waiting: int
    index_set_aside: int
    workers: list[WorkerForm]

    @classmethod
    def of(cls, found: Status) -> Self:
        """Return the form of a look at the ledger."""
        return cls(
            events_open=found.events_open,
            events_resolving=found.events_resolving,
            events_failed=found.events_failed,
            deliveries_due=found.deliveries_due,
            retries_scheduled=found.retries_scheduled,
            parked=found.parked,
            under_way=found.under_way,
            held=found.held,
            dead_letters=found.dead_letters,
            oldest_due_at=_time(found.oldest_due_at),
            oldest_due_seconds=found.oldest_due_seconds,
            workers_alive=len(found.workers),
            trigger_consumers=found.consumers(Role.TRIGGER),
            retry_consumers=found.consumers(Role.RETRY),
            index_consumers=found.consumers(Role.INDEX),
            index_waiting=found.index_waiting,
            index_set_aside=found.index_set_aside,
            workers=[WorkerForm.of(one) for one in found.workers],
        )


@frozen(kw_only=True)
class TokenForm:
    """An API token, without its text: nobody has it but its owner."""

    id: UUID
    name: str
    state: TokenState
    resources: list[str]
    tenant: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None

    @classmethod
    def of(cls, one: ApiToken, now: int) -> Self:
        """Return the form of a token at a moment of the ledger's clock."""
        return cls(
            id=one.id,
            name=one.name,
            state=one.state(now),
            resources=list(one.resources),
            tenant=one.tenant,
            created_at=to_datetime(one.created_at),
            expires_at=_time(one.expires_at),
            revoked_at=_time(one.revoked_at),
            used_at=_time(one.used_at),
        )


def _time(instant: int | None) -> datetime | None:
    return None if instant is None else to_datetime(instant)

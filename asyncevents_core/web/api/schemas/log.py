"""The log, traces and dead letters."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import Attempt
from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.trace import DeadLetter, LogRow, Trace
from asyncevents_core.engine.searching.search import SearchPage
from asyncevents_core.web.api.schemas.as_it_is import as_it_is


@frozen(kw_only=True)
class AttemptItem:
    """One attempt; `duration` is in seconds, `response` is cut where it was long."""

    outcome: str
    success: bool
    detail: str
    http_status: int | None
    response: str
    recipient_url: str
    started_at: datetime
    duration: float


@frozen(kw_only=True)
class LogItem:
    """A row of the log: an attempt and what it was of. `uuid` is the delivery, to trace."""

    log_id: int
    uuid: UUID
    subscription_id: int
    event_name: str
    delivery_state: str
    attempt: AttemptItem


@frozen(kw_only=True)
class Found:
    """All that a search finds, and what the index does not hold yet.

    `total` is exact up to 10,000; else there are more. `waiting` attempts are not indexed yet,
    the oldest is of `waiting_since`; `set_aside` were refused by the index. While `indexing` is
    false it is switched off, and what waits goes on waiting. If it is not `complete`, older
    attempts are missing until the index is built anew.
    """

    total: int
    exact: bool
    waiting: int
    waiting_since: datetime | None
    set_aside: int
    indexing: bool
    complete: bool


@frozen(kw_only=True)
class LogPage:
    """A page of the log, newest first. `next` is the `before` of the next one; null: no more.

    `found` is told where there was a search.
    """

    items: list[LogItem]
    next: int | None
    found: Found | None


@frozen(kw_only=True)
class TraceItem:
    """A delivery with all that happened to it. `payload` is the CloudEvent that was sent."""

    uuid: UUID
    summary: str
    state: str
    reason: str | None
    event_id: UUID
    event_name: str
    tenant: str | None
    subscription_id: int
    metadata: str
    recipient_url: str
    due_at: datetime | None
    replay_of: UUID | None
    replays: list[UUID]
    requested_by: str | None
    requested_at: datetime | None
    attempts: list[AttemptItem]
    payload: dict[str, Any] | None


@frozen(kw_only=True)
class DeadLetterItem:
    """A delivery that is dead, or an event whose service failed (then without subscription)."""

    uuid: UUID
    event_name: str
    subscription_id: int | None
    recipient_url: str | None
    reason: str
    summary: str
    created_at: datetime
    replayed: bool


@frozen(kw_only=True)
class DeadLetterPage:
    """A page of dead letters, newest first; `next` is the `before` of the next one."""

    items: list[DeadLetterItem]
    next: UUID | None


def attempt_item(one: Attempt) -> AttemptItem:
    """Return an attempt as it is shown."""
    return AttemptItem(
        outcome=one.outcome.value,
        success=one.outcome.value == "delivered",
        detail=one.detail,
        http_status=one.status,
        response=one.response,
        recipient_url=one.target,
        started_at=to_datetime(one.started_at),
        duration=one.duration,
    )


def found_page(page: SearchPage) -> LogPage:
    """Return a page of a search as it is shown."""
    behind = page.behind
    return LogPage(
        items=[log_item(one) for one in page.rows],
        next=page.next,
        found=Found(
            total=page.total,
            exact=page.exact,
            waiting=behind.waiting,
            waiting_since=None if behind.oldest is None else to_datetime(behind.oldest),
            set_aside=behind.set_aside,
            indexing=page.indexing,
            complete=page.complete,
        ),
    )


def log_item(row: LogRow) -> LogItem:
    """Return a row of the log as it is shown."""
    return LogItem(
        log_id=row.log_id,
        uuid=row.attempt.delivery_id,
        subscription_id=row.subscription_id,
        event_name=row.event_name,
        delivery_state=row.delivery_state.value,
        attempt=attempt_item(row.attempt),
    )


def trace_item(one: Trace) -> TraceItem:
    """Return a trace as it is shown."""
    delivery, event, request = one.delivery, one.event, one.request
    return TraceItem(
        uuid=delivery.id,
        summary=one.summary,
        state=delivery.state.value,
        reason=None if delivery.reason is None else delivery.reason.value,
        event_id=event.id,
        event_name=event.name,
        tenant=event.tenant,
        subscription_id=delivery.subscription_id,
        metadata=one.sink,
        recipient_url=one.target,
        due_at=None if delivery.due_at is None else to_datetime(delivery.due_at),
        replay_of=delivery.replay_of,
        replays=list(one.replays),
        requested_by=None if request is None else request.requested_by,
        requested_at=None if request is None else to_datetime(request.requested_at),
        attempts=[attempt_item(attempt) for attempt in one.attempts],
        payload=None if event.body is None else as_it_is(event.body),
    )


def dead_letter_item(one: DeadLetter) -> DeadLetterItem:
    """Return a dead letter as it is shown."""
    return DeadLetterItem(
        uuid=one.id,
        event_name=one.event_name,
        subscription_id=one.subscription_id,
        recipient_url=one.target,
        reason=one.reason,
        summary=one.summary,
        created_at=to_datetime(one.created_at),
        replayed=one.replayed,
    )

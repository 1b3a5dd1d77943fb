"""Rows to values and back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.domain.delivery import Attempt, DeadReason, Delivery, DeliveryState
from asyncevents_core.domain.event import Event, EventState, NewEvent
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.replay import ReplayRequest
from asyncevents_core.domain.subscription import (
    NewSubscription,
    RetryPolicy,
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.errors import SecretKeysError


def event_values(event: NewEvent) -> dict[str, Any]:
    """Return the columns of a new event, without its times."""
    return {
        "id": event.id,
        "external_id": event.external_id,
        "digest": event.digest,
        "name": event.name,
        "tenant": event.tenant,
        "arguments": event.arguments,
        "body": event.body,
        "state": EventState.OPEN.value,
        "claims": 0,
        "deaths": 0,
        "abandonments": 0,
        "occurred_at": event.occurred_at,
    }


def to_event(row: Row[Any]) -> Event:
    """Read an event."""
    values = row._mapping
    return Event(
        id=values["id"],
        external_id=values["external_id"],
        name=values["name"],
        tenant=values["tenant"],
        arguments=_bytes(values["arguments"]),
        body=_bytes(values["body"]),
        state=EventState(values["state"]),
        reason=values["reason"],
        due_at=values["due_at"],
        claims=values["claims"],
        deaths=values["deaths"],
        abandonments=values["abandonments"],
        owner=values["owner"],
        occurred_at=values["occurred_at"],
        created_at=values["created_at"],
    )


def delivery_values(delivery: Delivery) -> dict[str, Any]:
    """Return the columns of a delivery."""
    return {
        "id": delivery.id,
        "event_id": delivery.event_id,
        "subscription_id": delivery.subscription_id,
        "chain": delivery.chain,
        "replay_of": delivery.replay_of,
        "state": delivery.state.value,
        "reason": None if delivery.reason is None else delivery.reason.value,
        "claims": delivery.claims,
        "deaths": delivery.deaths,
        "abandonments": delivery.abandonments,
        "due_at": delivery.due_at,
        "owner": delivery.owner,
        "parked": delivery.parked,
        "created_at": delivery.created_at,
    }


def to_delivery(row: Row[Any]) -> Delivery:
    """Read a delivery."""
    values = row._mapping
    reason = values["reason"]
    return Delivery(
        id=values["id"],
        event_id=values["event_id"],
        subscription_id=values["subscription_id"],
        chain=values["chain"],
        replay_of=values["replay_of"],
        state=DeliveryState(values["state"]),
        reason=None if reason is None else DeadReason(reason),
        claims=values["claims"],
        deaths=values["deaths"],
        abandonments=values["abandonments"],
        due_at=values["due_at"],
        owner=values["owner"],
        parked=bool(values["parked"]),
        created_at=values["created_at"],
    )


def attempt_values(attempt: Attempt) -> dict[str, Any]:
    """Return the columns of an attempt."""
    return {
        "delivery_id": attempt.delivery_id,
        "claim_no": attempt.claim_no,
        "outcome": attempt.outcome.value,
        "detail": attempt.detail,
        "status": attempt.status,
        # PostgreSQL's text has no NUL.
        "response": attempt.response.replace("\x00", "\ufffd"),
        "target": attempt.target,
        "started_at": attempt.started_at,
        "duration": attempt.duration,
    }


def to_attempt(row: Row[Any]) -> Attempt:
    """Read an attempt."""
    values = row._mapping
    return Attempt(
        delivery_id=values["delivery_id"],
        claim_no=values["claim_no"],
        outcome=OutcomeKind(values["outcome"]),
        detail=values["detail"],
        status=values["status"],
        response=values["response"],
        target=values["target"],
        started_at=values["started_at"],
        duration=values["duration"],
    )


def subscription_values(new: NewSubscription, cipher: Cipher, now: int) -> dict[str, Any]:
    """Return the columns of a new subscription, what is secret encrypted."""
    schedule = new.retry.schedule
    return {
        "event_name": new.event_name,
        "sink": new.sink,
        "target": new.target,
        "secret": None if new.secret is None else cipher.encrypt(new.secret),
        "tenant": new.tenant,
        "maximum_deaths": new.retry.maximum_deaths,
        "schedule": None if schedule is None else json.dumps(schedule),
        "jitter": new.retry.jitter,
        "rate_limit": new.rate_limit,
        "options": cipher.encrypt(json.dumps(dict(new.options))) if new.options else None,
        "status": new.status.value,
        "holding": new.status is SubscriptionStatus.DISABLED,
        "created_at": now,
    }


def to_subscription(row: Row[Any], cipher: Cipher) -> Subscription:
    """Read a subscription. What no key decrypts is named in its `unread`."""
    values = row._mapping
    schedule = values["schedule"]
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for name in ("secret", "options"):
        if values[name] is not None:
            try:
                texts[name] = cipher.decrypt(values[name])
            except SecretKeysError as error:
                unread[name] = str(error)
    return Subscription(
        id=values["id"],
        event_name=values["event_name"],
        sink=values["sink"],
        target=values["target"],
        secret=texts.get("secret"),
        tenant=values["tenant"],
        retry=RetryPolicy(
            maximum_deaths=values["maximum_deaths"],
            schedule=None if schedule is None else tuple(json.loads(schedule)),
            jitter=values["jitter"],
        ),
        rate_limit=values["rate_limit"],
        options=json.loads(texts.get("options", "{}")),
        status=SubscriptionStatus(values["status"]),
        created_at=values["created_at"],
        unread=tuple(unread),
        unreadable=next(iter(unread.values()), None),
    )


def to_worker(row: Row[Any]) -> WorkerRow:
    """Read a worker."""
    values = row._mapping
    return WorkerRow(
        id=values["id"],
        host=values["host"],
        pid=values["pid"],
        roles=tuple(Role(one) for one in values["roles"].split(",") if one),
        started_at=values["started_at"],
        beat_at=values["beat_at"],
    )


def to_replay(row: Row[Any]) -> ReplayRequest:
    """Read a request to replay."""
    values = row._mapping
    return ReplayRequest(
        id=values["id"],
        requested_by=values["requested_by"],
        what=values["what"],
        requested_at=values["requested_at"],
    )


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)

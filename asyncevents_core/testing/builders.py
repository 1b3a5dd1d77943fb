"""Values for tests: complete ones, of which a test names only what it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from uuid import UUID

from asyncevents_core.domain.delivery import Attempt, DeadReason, Delivery, DeliveryState
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.instant import NIL, uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.payload import envelope, to_json
from asyncevents_core.domain.subscription import NewSubscription, RetryPolicy, SubscriptionStatus
from asyncevents_core.engine.delivering.sinks import Prepared
from asyncevents_core.ports.sink import AnySinkType, DeliveryRequest, NoOptions
from asyncevents_core.sink_catalog import ConfiguredSink

EVENT_NAME = "sales.order.created"
START = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC, in microseconds."""


def make_event(
    *,
    id: UUID | None = None,
    name: str = EVENT_NAME,
    arguments: bytes | None = b'{"id":42}',
    body: bytes | None = None,
    tenant: str | None = None,
    external_id: str | None = None,
    occurred_at: int = START,
) -> NewEvent:
    """Return an event to insert."""
    published = arguments or body or b""
    digest = hashlib.sha256(b"\0".join([name.encode(), (tenant or "").encode(), published]))
    return NewEvent(
        id=id or uuid7(),
        external_id=external_id,
        digest=digest.digest(),
        name=name,
        tenant=tenant,
        arguments=arguments,
        body=body,
        occurred_at=occurred_at,
    )


def make_subscription(
    *,
    event_name: str = EVENT_NAME,
    sink: str = "recording",
    target: str = "memory:orders",
    secret: str | None = None,
    tenant: str | None = None,
    retry: RetryPolicy | None = None,
    rate_limit: float | None = None,
    options: Mapping[str, object] | None = None,
    status: SubscriptionStatus = SubscriptionStatus.ENABLED,
) -> NewSubscription:
    """Return a subscription to insert."""
    return NewSubscription(
        event_name=event_name,
        sink=sink,
        target=target,
        secret=secret,
        tenant=tenant,
        retry=retry or RetryPolicy(),
        rate_limit=rate_limit,
        options=options or {},
        status=status,
    )


def make_delivery(
    *,
    id: UUID | None = None,
    event_id: UUID | None = None,
    subscription_id: int = 1,
    replay_request: UUID = NIL,
    replay_of: UUID | None = None,
    state: DeliveryState = DeliveryState.WAITING,
    reason: DeadReason | None = None,
    claims: int = 0,
    deaths: int = 0,
    abandonments: int = 0,
    due_at: int | None = START,
    owner: UUID | None = None,
    parked: bool = False,
    created_at: int = START,
) -> Delivery:
    """Return a delivery's row."""
    return Delivery(
        id=id or uuid7(),
        event_id=event_id or uuid7(),
        subscription_id=subscription_id,
        replay_request=replay_request,
        replay_of=replay_of,
        state=state,
        reason=reason,
        claims=claims,
        deaths=deaths,
        abandonments=abandonments,
        due_at=due_at,
        owner=owner,
        parked=parked,
        created_at=created_at,
    )


def make_attempt(
    *,
    delivery_id: UUID,
    claim_no: int = 1,
    outcome: OutcomeKind = OutcomeKind.DELIVERED,
    detail: str = "HTTP 200",
    http_status: int | None = 200,
    response: str = "thanks",
    target: str = "memory:orders",
    started_at: int = START,
    duration: float = 0.25,
) -> Attempt:
    """Return an attempt."""
    return Attempt(
        delivery_id=delivery_id,
        claim_no=claim_no,
        outcome=outcome,
        detail=detail,
        http_status=http_status,
        response=response,
        target=target,
        started_at=started_at,
        duration=duration,
    )


def make_request(
    *,
    target: str,
    data: object = None,
    event_name: str = EVENT_NAME,
    event_id: UUID | None = None,
    tenant: str | None = None,
    attempt: int = 1,
    secrets: tuple[str, ...] = (),
    options: Mapping[str, object] | None = None,
    sink_type: AnySinkType | None = None,
    config: object = None,
) -> DeliveryRequest:
    """Return a request whose body is a CloudEvent that carries `data`, by default an object.

    Its ids are new, that of the event too unless it is given. `sink_type` is the sink that it is
    for, which makes the options and prepares the request, as it does for a subscription with
    these `options`, with a `config` of its own or the default one. None: for one without options.
    Raises what `SinkType.prepare` raises, and `InvalidOptions`.
    """
    event_id = event_id or uuid7()
    prepared = Prepared(options=NoOptions(), value=None)
    if sink_type is not None:
        own = sink_type.config_class() if config is None else config
        sink = ConfiguredSink(name=sink_type.name, kind=sink_type, config=own, isolate=None)
        prepared = sink.prepare(target, options or {})
    return DeliveryRequest(
        delivery_id=uuid7(),
        event_id=event_id,
        event_name=event_name,
        tenant=tenant,
        subscription_id=1,
        target=target,
        body=envelope(
            event_id=event_id,
            name=event_name,
            source="/conformance",
            occurred_at=START,
            tenant=tenant,
            data=to_json({"id": 42} if data is None else data),
        ),
        attempt=attempt,
        secrets=secrets,
        options=prepared.options,
        prepared=prepared.value,
    )

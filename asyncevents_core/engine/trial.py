"""Send a test event: one real attempt, as a worker makes it, that leaves nothing in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.envelope import envelope
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.json_text import to_json
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import (
    NewSubscription,
    RetryPolicy,
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.engine.claims import Lease
from asyncevents_core.engine.sink_rack import SinkRack
from asyncevents_core.engine.subscriptions import visible
from asyncevents_core.errors import SecretKeysError
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.sink import Sink

TEST_EVENT: Final = "asyncevents.test"
"""The CloudEvent's type of a test event, unless another name is wanted."""

NO_SUBSCRIPTION: Final = 0
"""The subscription's id in a test of a target that nobody has subscribed."""

_DATA: Final = {"test": True, "message": "A test event of asyncevents: nothing has happened."}


@frozen(kw_only=True)
class Trial:
    """What a test event came to; `duration` in seconds."""

    subscription: Subscription
    event: Event
    delivery: Delivery
    outcome: Outcome
    duration: float

    @property
    def body(self) -> bytes:
        """The CloudEvent that was sent."""
        return self.event.body or b""


@frozen(kw_only=True)
class TrialRules:
    """How test events are sent.

    `check` raises where a sink is unknown or refuses the target or the options; `open_sink` makes
    a sink from its name; `source` is the CloudEvents source; `deadline` is in seconds.
    """

    check: Callable[[NewSubscription], object]
    open_sink: Callable[[str], Sink] = field(repr=False)
    clock: Clock
    source: str
    deadline: float


async def try_subscription(
    ledger: Ledger,
    subscription_id: int,
    rules: TrialRules,
    *,
    by: Actor,
    event_name: str = TEST_EVENT,
) -> Trial:
    """Send a test event to a subscription, a disabled one too. Returns what it came to.

    Raises `NotFound`, `SecretKeysError`, and as `try_target` does.
    """
    found = ledger.read(lambda queries: queries.subscription(subscription_id))
    subscription = visible(found, subscription_id, by)
    if subscription.unreadable is not None:
        raise SecretKeysError(f"subscription {subscription_id}: {subscription.unreadable}")
    return await _try(subscription, rules, event_name)


async def try_target(wanted: NewSubscription, rules: TrialRules) -> Trial:
    """Send a test event of `wanted.event_name` as if `wanted` were subscribed.

    Raises `UnknownName`, `SettingsError`, `InvalidTarget`, `InvalidOptions` or `InvalidSecret`
    before anything is sent. Whatever happens then is the outcome.
    """
    subscription = Subscription(
        id=NO_SUBSCRIPTION,
        event_name=wanted.event_name,
        sink=wanted.sink,
        target=wanted.target,
        secret=wanted.secret,
        tenant=wanted.tenant,
        retry=RetryPolicy(),
        rate_limit=None,
        options=wanted.options,
        status=SubscriptionStatus.ENABLED,
        created_at=_now(),
    )
    return await _try(subscription, rules, wanted.event_name)


async def _try(subscription: Subscription, rules: TrialRules, event_name: str) -> Trial:
    _check(subscription, rules)
    lease = _lease(subscription, event_name, rules.source)
    rack = SinkRack(rules.open_sink)
    begun = rules.clock.monotonic()
    try:
        outcome = await rack.attempt(lease, rules.deadline)
        duration = rules.clock.monotonic() - begun
    finally:
        await rack.close()
    return Trial(
        subscription=subscription,
        event=lease.event,
        delivery=lease.delivery,
        outcome=outcome,
        duration=duration,
    )


def _check(subscription: Subscription, rules: TrialRules) -> None:
    if subscription.secret is not None:
        receiver_secret(subscription.secret)
    rules.check(
        NewSubscription(
            event_name=subscription.event_name,
            sink=subscription.sink,
            target=subscription.target,
            options=subscription.options,
        )
    )


def _lease(subscription: Subscription, event_name: str, source: str) -> Lease:
    now = _now()
    event = _event(event_name, source, subscription.tenant, now)
    delivery = Delivery(
        id=uuid7(),
        event_id=event.id,
        subscription_id=subscription.id,
        state=DeliveryState.LEASED,
        claims=1,
        created_at=now,
    )
    return Lease(delivery=delivery, subscription=subscription, event=event, leased_at=now)


def _event(name: str, source: str, tenant: str | None, now: int) -> Event:
    event_id, data = uuid7(), to_json(_DATA)
    body = envelope(
        event_id=event_id, name=name, source=source, occurred_at=now, tenant=tenant, data=data
    )
    return Event(
        id=event_id,
        external_id=None,
        name=name,
        tenant=tenant,
        arguments=None,
        body=body,
        state=EventState.FANNED_OUT,
        reason=None,
        due_at=None,
        claims=1,
        deaths=0,
        abandonments=0,
        owner=None,
        occurred_at=now,
        created_at=now,
    )


def _now() -> int:
    return time.time_ns() // 1000

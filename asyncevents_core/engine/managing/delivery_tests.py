"""Test deliveries. A dry one makes a real attempt and leaves nothing; a recorded one is as others.

A *dry* delivery is made here and now, as a worker makes it. A *recorded* delivery goes into the
ledger, for a worker to make, and appears in the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.event import Event, EventState, NewEvent
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.payload import envelope, to_json
from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import (
    NewSubscription,
    RetryPolicy,
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.engine.delivering.sinks import SinkOpener, SinkRack
from asyncevents_core.engine.managing.subscriptions import (
    reached_names,
    require_resources,
    visible,
)
from asyncevents_core.engine.publishing.publish import PublishRules
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.engine.shared.idempotency import do_idempotently
from asyncevents_core.errors import PayloadTooLarge, ReplayRefused, SecretKeysError
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.resolver import Definitions

TEST_EVENT: Final = "asyncevents.test"
"""The CloudEvent's type of a test event, unless another name is wanted."""

NO_SUBSCRIPTION: Final = 0
"""The subscription's id in a test of a target that nobody has subscribed."""

_DATA: Final = {"test": True, "message": "A test event of asyncevents: nothing has happened."}


@frozen(kw_only=True)
class DryDelivery:
    """A dry delivery and its outcome; `duration` in seconds."""

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
class DryRules:
    """How test events are sent.

    `check` raises where a sink is unknown or refuses the target or the options; `sinks` opens
    them; `source` is the CloudEvents source; `deadline` is in seconds. A test event of a name that
    `definitions` have an example of has that as its data.
    """

    check: Callable[[NewSubscription], object]
    sinks: SinkOpener = field(repr=False)
    clock: Clock
    source: str
    deadline: float
    definitions: Definitions | None = None

    def data(self, event_name: str) -> object:
        """Return the data of a test event."""
        if self.definitions is not None and event_name in self.definitions.names():
            examples = self.definitions.get(event_name).examples
            return examples[0] if examples else _DATA
        return _DATA


async def deliver_dry(
    ledger: Ledger,
    subscription_id: int,
    rules: DryRules,
    *,
    by: Actor,
    event_name: str = TEST_EVENT,
) -> DryDelivery:
    """Send a test event to a subscription, a disabled one too. Returns the dry delivery.

    Raises `NotFound`, `SecretKeysError`, and as `deliver_dry_to_target` does.
    """
    found = ledger.read(lambda view: view.subscriptions.get(subscription_id))
    subscription = visible(found, subscription_id, by)
    if subscription.unreadable is not None:
        raise SecretKeysError(f"subscription {subscription_id}: {subscription.unreadable}")
    return await _try(subscription, rules, event_name)


async def deliver_dry_to_target(wanted: NewSubscription, rules: DryRules) -> DryDelivery:
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
        subscribed_at=_now(),
    )
    return await _try(subscription, rules, wanted.event_name)


async def _try(subscription: Subscription, rules: DryRules, event_name: str) -> DryDelivery:
    _check(subscription, rules)
    lease = _lease(subscription, event_name, rules)
    rack = SinkRack(rules.sinks)
    begun = rules.clock.monotonic()
    try:
        outcome = await rack.attempt_in_time(lease, rules.deadline)
        duration = rules.clock.monotonic() - begun
    finally:
        await rack.close()
    return DryDelivery(
        subscription=subscription,
        event=lease.event,
        delivery=lease.delivery,
        outcome=outcome,
        duration=duration,
    )


def _check(subscription: Subscription, rules: DryRules) -> None:
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


def _lease(subscription: Subscription, event_name: str, rules: DryRules) -> Lease:
    now = _now()
    event = _event(event_name, rules, subscription.tenant, now)
    delivery = Delivery(
        id=uuid7(),
        event_id=event.id,
        subscription_id=subscription.id,
        state=DeliveryState.LEASED,
        claims=1,
        created_at=now,
    )
    return Lease(delivery=delivery, subscription=subscription, event=event, leased_at=now)


def _event(name: str, rules: DryRules, tenant: str | None, now: int) -> Event:
    event_id = uuid7()
    body = envelope(
        event_id=event_id,
        name=name,
        source=rules.source,
        occurred_at=now,
        tenant=tenant,
        data=to_json(rules.data(name)),
    )
    return Event(
        id=event_id,
        external_id=None,
        name=name,
        tenant=tenant,
        arguments=None,
        body=body,
        state=EventState.FANNED_OUT,
        error=None,
        due_at=None,
        claims=1,
        deaths=0,
        abandonments=0,
        parked="",
        owner=None,
        occurred_at=now,
        created_at=now,
    )


def _now() -> int:
    return time.time_ns() // 1000


def send_recorded_test(
    ledger: Ledger,
    subscription_id: int,
    data: object,
    *,
    rules: PublishRules,
    by: Actor,
    definitions: Definitions,
    idempotency: IdempotentRequest | None = None,
) -> UUID:
    """Send `data` to one subscription as its event; return the id of the delivery, to trace.

    A worker delivers it, within a second or so. Nobody else receives it, and no service is
    called. `definitions` say which resources of the event `by` needs. Raises `NotFound`,
    `AccessDenied`, `ReplayRefused` where the subscription is disabled, `InvalidPayload`,
    `PayloadTooLarge`.
    """
    content = to_json(data)
    if len(content) > rules.max_payload_bytes:
        raise PayloadTooLarge(
            f"the data has {len(content)} bytes, MAX_PAYLOAD_BYTES allows {rules.max_payload_bytes}"
        )
    event_id, delivery_id = uuid7(), uuid7()

    def insert(tx: LedgerTransaction) -> str:
        subscription = visible(tx.subscriptions.lock_one(subscription_id), subscription_id, by)
        if subscription.status is SubscriptionStatus.DISABLED:
            raise ReplayRefused(
                f"subscription {subscription_id} is disabled: "
                f"`asyncevents subscriptions enable {subscription_id}` first"
            )
        require_resources(definitions, [subscription], by)
        name = _event_of(subscription, definitions)
        event = NewEvent.carrying(
            content,
            event_id=event_id,
            name=name,
            tenant=subscription.tenant,
            source=rules.source,
            occurred_at=tx.now(),
        )
        tx.events.insert([event], due_in=0.0)
        tx.events.lock([event_id])
        tx.events.mark_fanned_out([event_id])
        delivery = Delivery.waiting(
            id=delivery_id, event_id=event_id, subscription_id=subscription_id, now=tx.now()
        )
        tx.deliveries.insert([delivery])
        audit(
            tx,
            by,
            "subscription.test",
            entry_id=event_id,
            subject=subscription_id,
            tenant=subscription.tenant,
            details={"delivery": str(delivery_id)},
        )
        return str(delivery_id)

    return UUID(ledger.run(lambda tx: do_idempotently(tx, idempotency, lambda: insert(tx))))


def _event_of(subscription: Subscription, definitions: Definitions) -> str:
    """Return the name of a subscription's event; the first one that its pattern reaches."""
    name = subscription.pattern.name
    return name or next(iter(reached_names(definitions, subscription)), TEST_EVENT)

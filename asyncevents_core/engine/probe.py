"""A test event: one delivery to one subscription, through everything that real ones go through."""

from __future__ import annotations

import hashlib
from uuid import UUID

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import Delivery
from asyncevents_core.domain.envelope import envelope
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.json_text import to_json
from asyncevents_core.domain.once import Once
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.engine.auditing import audit
from asyncevents_core.engine.once import do_once
from asyncevents_core.engine.publish import PublishRules
from asyncevents_core.engine.subscriptions import require_resources, visible
from asyncevents_core.errors import PayloadTooLarge, ReplayRefused
from asyncevents_core.ports.definitions import Definitions
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction


def send_test_event(
    ledger: Ledger,
    subscription_id: int,
    data: object,
    *,
    rules: PublishRules,
    by: Actor,
    definitions: Definitions,
    once: Once | None = None,
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
        subscription = visible(tx.lock_subscription(subscription_id), subscription_id, by)
        if subscription.status is SubscriptionStatus.DISABLED:
            raise ReplayRefused(
                f"subscription {subscription_id} is disabled: "
                f"`asyncevents subscriptions enable {subscription_id}` first"
            )
        require_resources(definitions, [subscription.event_name], by)
        event = _event(event_id, subscription, content, rules.source, tx.now())
        tx.insert_events([event], due_in=0.0)
        tx.lock_events([event_id])
        tx.mark_fanned_out([event_id])
        delivery = Delivery.waiting(
            id=delivery_id, event_id=event_id, subscription_id=subscription_id, now=tx.now()
        )
        tx.insert_deliveries([delivery])
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

    return UUID(ledger.run(lambda tx: do_once(tx, once, lambda: insert(tx))))


def _event(
    event_id: UUID, subscription: Subscription, content: bytes, source: str, now: int
) -> NewEvent:
    return NewEvent(
        id=event_id,
        external_id=None,
        digest=hashlib.sha256(content).digest(),
        name=subscription.event_name,
        tenant=subscription.tenant,
        arguments=None,
        body=envelope(
            event_id=event_id,
            name=subscription.event_name,
            source=source,
            occurred_at=now,
            tenant=subscription.tenant,
            data=content,
        ),
        occurred_at=now,
    )

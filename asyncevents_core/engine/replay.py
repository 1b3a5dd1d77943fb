"""T5: replay. A new delivery, in a chain of its own, sends the stored bytes again."""

from __future__ import annotations

from uuid import UUID

from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.errors import NotFound, ReplayRefused
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction


def replay(ledger: Ledger, identifier: UUID) -> UUID:
    """Replay a delivery, or an event whose service failed, and return the id to trace.

    That is the new delivery's id, or the event's own where an event is opened again. A
    delivery that still waits for a retry is cancelled: the replay takes its place. Raises
    `NotFound`, or `ReplayRefused` where the subscription is disabled or deleted, the attempt
    is under way, or the body is no longer kept.
    """
    # One id for all reruns of the transaction, so that a rerun inserts nothing twice.
    request, delivery_id = uuid7(), uuid7()
    return ledger.run(lambda tx: _replay(tx, identifier, request, delivery_id))


def _replay(tx: LedgerTransaction, identifier: UUID, request: UUID, delivery_id: UUID) -> UUID:
    old = tx.lock_delivery(identifier)
    if old is None:
        if tx.reopen_event(identifier):
            return identifier
        raise NotFound(
            f"no delivery {identifier}, and no event of that id that failed. "
            "`asyncevents logs` and `asyncevents dead-letters` list what can be replayed"
        )
    _refuse_unless_enabled(tx, old)
    if old.state is DeliveryState.LEASED:
        raise ReplayRefused(f"delivery {identifier} is under way: wait for its outcome")
    event = tx.bodies([old.event_id]).get(old.event_id)
    if event is None or event.body is None:
        raise ReplayRefused(f"delivery {identifier}: its payload is no longer kept")
    now = tx.now()
    if old.state is DeliveryState.WAITING:
        tx.move_deliveries([old.id], state=DeliveryState.CANCELLED, due_at=None)
    tx.insert_deliveries(
        [
            Delivery(
                id=delivery_id,
                event_id=old.event_id,
                subscription_id=old.subscription_id,
                chain=request,
                replay_of=old.id,
                state=DeliveryState.WAITING,
                reason=None,
                claims=0,
                deaths=0,
                abandonments=0,
                due_at=now,
                owner=None,
                parked=False,
                created_at=now,
            )
        ]
    )
    return delivery_id


def _refuse_unless_enabled(tx: LedgerTransaction, old: Delivery) -> None:
    status = tx.subscription_status(old.subscription_id)
    if status is SubscriptionStatus.ENABLED:
        return
    if status is SubscriptionStatus.DISABLED:
        raise ReplayRefused(
            f"delivery {old.id}: its subscription {old.subscription_id} is disabled. "
            f"`asyncevents subscriptions enable {old.subscription_id}` first"
        )
    raise ReplayRefused(f"delivery {old.id}: its subscription {old.subscription_id} is deleted")

"""Fan-out: an event becomes a delivery for each subscription that matches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.envelope import envelope
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.engine.delivering.leases import Claimant, Claimed, Lease, Resolved
from asyncevents_core.engine.delivering.permits import Plan, Verdict
from asyncevents_core.ports.ledger import LedgerTransaction

CHUNK: Final = 1_000
"""Deliveries of one event per transaction; a larger fan-out takes several."""


def fan_out(
    tx: LedgerTransaction, claimant: Claimant, events: Sequence[Event], plan: Plan, *, claims: int
) -> Claimed:
    """Fan out events that have a body and are locked; lease what permits allow to start now.

    They have so many `claims` if nobody has begun to fan them out.
    """
    if not events:
        return Claimed()
    now = tx.now()
    leases: list[Lease] = []
    rows: list[Delivery] = []
    parked: set[int] = set()
    left_waiting = False
    for event in events:
        for subscription in claimant.subscriptions.matches(event.name, event.tenant):
            verdict = plan.ask(subscription.id)
            delivery = _delivery(claimant, event, subscription, verdict, now)
            rows.append(delivery)
            if verdict is Verdict.GRANTED:
                leases.append(
                    Lease(delivery=delivery, subscription=subscription, event=event, leased_at=now)
                )
            elif verdict is Verdict.PARK:
                parked.add(subscription.id)
            else:
                left_waiting = True
    tx.deliveries.fan_out(rows, [event.id for event in events])
    if any(event.claims > claims for event in events):
        leases = _kept(tx, leases)
    return Claimed(leases=tuple(leases), parked=frozenset(parked), left_waiting=left_waiting)


def is_large(claimant: Claimant, event: Event) -> bool:
    """Tell whether an event reaches so many that it is fanned out in chunks."""
    return too_many(claimant.subscriptions.matches(event.name, event.tenant))


def too_many(matches: Sequence[Subscription]) -> bool:
    """Tell whether an event with these subscriptions is fanned out in chunks."""
    return len(matches) > CHUNK


def chunks_of(claimant: Claimant, event: Event) -> list[Sequence[Subscription]]:
    """Return the subscriptions of a large fan-out, a transaction's worth each."""
    matches = claimant.subscriptions.matches(event.name, event.tenant)
    return [matches[start : start + CHUNK] for start in range(0, len(matches), CHUNK)]


def fan_out_chunk(
    tx: LedgerTransaction,
    claimant: Claimant,
    resolved: Resolved,
    subscriptions: Sequence[Subscription],
    *,
    last: bool,
) -> bool:
    """Fan one chunk out, all of it waiting; False if the claim was lost meanwhile."""
    locked = tx.events.lock_resolving([resolved.resolving.claim], owner=claimant.owner)
    if not locked:
        return False
    event = locked[0]
    if event.body is None:
        data = event.published if resolved.data is None else resolved.data
        tx.events.store_bodies({event.id: body_of(claimant, event, data)})
    now = tx.now()
    tx.deliveries.insert(
        [_delivery(claimant, event, one, Verdict.FULL, now) for one in subscriptions]
    )
    if last:
        tx.events.mark_fanned_out([event.id])
    return True


def body_of(claimant: Claimant, event: Event, data: bytes) -> bytes:
    """Return the CloudEvent that carries `data` (JSON text): what every subscriber gets."""
    return envelope(
        event_id=event.id,
        name=event.name,
        source=claimant.policy.source,
        occurred_at=event.occurred_at,
        tenant=event.tenant,
        data=data,
    )


def _kept(tx: LedgerTransaction, leases: list[Lease]) -> list[Lease]:
    """Drop leases whose row was there before: a chunked fan-out that is being repeated."""
    kept = tx.deliveries.existing([lease.delivery.id for lease in leases])
    return [lease for lease in leases if lease.delivery.id in kept]


def _delivery(
    claimant: Claimant, event: Event, subscription: Subscription, verdict: Verdict, now: int
) -> Delivery:
    granted = verdict is Verdict.GRANTED
    return Delivery(
        id=uuid7(),
        event_id=event.id,
        subscription_id=subscription.id,
        state=DeliveryState.LEASED if granted else DeliveryState.WAITING,
        claims=1 if granted else 0,
        due_at=now + micros(claimant.policy.delivery_lease) if granted else now,
        owner=claimant.owner if granted else None,
        parked=verdict is Verdict.PARK,
        created_at=now,
    )

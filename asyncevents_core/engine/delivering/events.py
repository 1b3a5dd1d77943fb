"""Claiming events and fanning them out: an event becomes a delivery for each subscription.

An event without a service is fanned out in the transaction that claims it. One with a
service becomes `resolving`; its service is called outside of any transaction, and what it
returned is fanned out in a second, fenced transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.payload import envelope
from asyncevents_core.domain.subscription import RetryPolicy, Subscription
from asyncevents_core.engine.delivering.leases import (
    Claimant,
    Claimed,
    FailedEvent,
    Lease,
    Resolved,
    Resolving,
)
from asyncevents_core.engine.delivering.permits import Plan, Verdict
from asyncevents_core.engine.delivering.policy import POISON_AFTER
from asyncevents_core.errors import UnknownEvent
from asyncevents_core.ports.ledger import LedgerTransaction

_LONGEST_REASON: Final = 1_000


def claim_events(
    tx: LedgerTransaction, claimant: Claimant, events: Iterable[Event], plan: Plan
) -> Claimed:
    """Take events that this transaction has locked."""
    policy = claimant.policy
    to_resolve: dict[bool, list[Event]] = {False: [], True: []}
    arguments: dict[UUID, bytes] = {}
    bodies: dict[UUID, bytes] = {}
    ready: list[Event] = []
    resolving: list[Resolving] = []
    failed: list[FailedEvent] = []
    nobody: list[UUID] = []
    count = 0
    for event in events:
        count += 1
        abandoned = event.state is EventState.RESOLVING
        if abandoned and event.abandonments + 1 >= POISON_AFTER:
            poison = FailedEvent(id=event.id, reason="poison: its workers vanished 5 times")
            tx.events.fail(event.id, deaths=event.deaths, reason=poison.reason)
            failed.append(poison)
            continue
        try:
            definition = claimant.definitions.get(event.name)
        except UnknownEvent as error:
            failed += _fail(tx, claimant, event, str(error), final=False)
            continue
        matches = claimant.subscriptions.matches(event.name, event.tenant)
        if not matches:
            nobody.append(event.id)
            continue
        if definition.service is not None and event.arguments is None:
            # Published where it had no service: here it has one.
            arguments[event.id] = event.published
            event = evolve(event, arguments=event.published, body=None)
        has_data = event.body is not None or definition.service is None
        if not has_data or too_many(matches):
            to_resolve[abandoned].append(event)
            resolving.append(
                Resolving(
                    event=evolve(event, claims=event.claims + 1),
                    definition=None if has_data else definition,
                )
            )
            continue
        if event.body is None:
            bodies[event.id] = body_of(claimant, event, event.published)
            event = evolve(event, body=bodies[event.id])
        ready.append(event)
    if arguments:
        tx.events.store_arguments(arguments)
    due_at = tx.now() + micros(policy.resolve_lease)
    for abandoned, group in to_resolve.items():
        if group:
            ids = [event.id for event in group]
            tx.events.start_resolving(ids, owner=claimant.owner, due_at=due_at, abandoned=abandoned)
    if nobody:
        tx.events.mark_fanned_out(nobody)
    if bodies:
        tx.events.store_bodies(bodies)
    taken = Claimed(events=count, resolving=tuple(resolving), failed=tuple(failed))
    return taken + fan_out(tx, claimant, ready, plan, claims=0)


def claim_due_events(
    tx: LedgerTransaction, claimant: Claimant, plan: Plan, *, limit: int
) -> Claimed:
    """Claim up to `limit` events that no hand-off brought, or whose worker vanished."""
    found = claim_events(tx, claimant, tx.events.lock_due(before=tx.now(), limit=limit), plan)
    return found + Claimed(more_events=found.events >= limit)


def fan_out_resolved(
    tx: LedgerTransaction, claimant: Claimant, resolved: Sequence[Resolved], plan: Plan
) -> Claimed:
    """Fan out what services returned, and book their failures; fenced by their claims."""
    claims = [one.resolving.claim for one in resolved]
    locked = {event.id: event for event in tx.events.lock_resolving(claims, owner=claimant.owner)}
    bodies: dict[UUID, bytes] = {}
    ready: list[Event] = []
    failed: list[FailedEvent] = []
    for one in resolved:
        event = locked.get(one.resolving.event.id)
        if event is None:
            continue
        if one.unstarted:
            tx.events.postpone(event.id, due_at=tx.now(), deaths=event.deaths, reason=event.reason)
            continue
        if one.error is not None:
            failed += _fail(tx, claimant, event, one.error, final=one.final)
            continue
        if event.body is None:
            data = event.published if one.data is None else one.data
            bodies[event.id] = body_of(claimant, event, data)
            event = evolve(event, body=bodies[event.id])
        ready.append(event)
    if bodies:
        tx.events.store_bodies(bodies)
    return Claimed(failed=tuple(failed)) + fan_out(tx, claimant, ready, plan, claims=1)


def _fail(
    tx: LedgerTransaction, claimant: Claimant, event: Event, error: str, *, final: bool
) -> list[FailedEvent]:
    """Book a failure; return the event if that was its last."""
    deaths, reason = event.deaths + 1, storable(error, _LONGEST_REASON)
    retry = RetryPolicy()
    if final or claimant.policy.is_exhausted(deaths, retry):
        tx.events.fail(event.id, deaths=deaths, reason=reason)
        return [FailedEvent(id=event.id, reason=reason)]
    delay = claimant.policy.delay(deaths, retry, retry_after=None, random=0.5)
    tx.events.postpone(event.id, due_at=tx.now() + micros(delay), deaths=deaths, reason=reason)
    return []


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

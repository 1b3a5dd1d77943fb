"""Claiming events and fanning them out: an event becomes a delivery for each subscription.

An event without a service is fanned out in the transaction that claims it. One with a
service becomes `resolving`; its service is called outside of any transaction, and what it
returned is fanned out in a second, fenced transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.event import ALONE_LINE, Event, EventDefinition, EventState
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.payload import envelope
from asyncevents_core.domain.subscription import RetryPolicy, Subscription
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.engine.delivering.abandoned import excuse_deliveries
from asyncevents_core.engine.delivering.calls import CallPlan
from asyncevents_core.engine.delivering.leases import (
    Claimant,
    Claimed,
    FailedEvent,
    Lease,
    Resolved,
    Resolving,
)
from asyncevents_core.engine.delivering.permits import Plan, Verdict
from asyncevents_core.engine.delivering.policy import ALONE_FROM, POISON_AFTER
from asyncevents_core.engine.shared.exceptions import LONGEST_TRACEBACK
from asyncevents_core.errors import UnknownEvent
from asyncevents_core.ports.ledger import LedgerTransaction

_LONGEST_ERROR: Final = 1_000


def claim_events(
    tx: LedgerTransaction,
    claimant: Claimant,
    events: Sequence[Event],
    plan: Plan,
    calls: CallPlan,
    *,
    alone: bool = False,
) -> Claimed:
    """Take events that this transaction has locked.

    Those whose service has no room are parked: they wait in the line of their name. Suspects wait
    in a line of their own, unless they are taken to be resolved `alone`.
    """
    sorting = _Sorting(claimant, calls, alone=alone)
    for event in events:
        again = event.state is EventState.RESOLVING and event.abandonments > 0
        # The next sweep finds those that are not clear yet.
        if not again or event.owner is None or excuse_deliveries(tx, claimant, event.owner):
            sorting.add(event)
    return sorting.write(tx, plan)


class _Sorting:
    """Says of each locked event what becomes of it, and writes that down."""

    def __init__(self, claimant: Claimant, calls: CallPlan, *, alone: bool) -> None:
        self._claimant = claimant
        self._calls = calls
        self._alone = alone
        self._count = 0
        self._poison: list[Event] = []
        self._unknown: list[tuple[Event, UnknownEvent]] = []
        self._nobody: list[UUID] = []
        self._arguments: dict[UUID, bytes] = {}
        self._bodies: dict[UUID, bytes] = {}
        self._ready: list[Event] = []
        self._to_resolve: defaultdict[bool, list[UUID]] = defaultdict(list)
        self._to_park: defaultdict[tuple[str, bool], list[UUID]] = defaultdict(list)
        self._resolving: list[Resolving] = []

    def add(self, event: Event) -> None:
        """Say what becomes of an event. Those that are parked do not count."""
        claimant = self._claimant
        self._count += 1
        if _abandonments(event) >= POISON_AFTER:
            self._poison.append(event)
            return
        try:
            definition = claimant.definitions.get(event.name)
        except UnknownEvent as error:
            self._unknown.append((event, error))
            return
        matches = claimant.subscriptions.matches(event.name, event.tenant, definition.resources)
        if not matches:
            self._nobody.append(event.id)
            return
        if definition.service is not None and event.arguments is None:
            # Published where it had no service: here it has one.
            self._arguments[event.id] = event.published
            event = evolve(event, arguments=event.published, body=None)
        has_data = event.body is not None or definition.service is None
        if not has_data or too_many(matches):
            self._resolve(event, None if has_data else definition)
            return
        if event.body is None:
            self._bodies[event.id] = body_of(claimant, event, event.published)
            event = evolve(event, body=self._bodies[event.id])
        self._ready.append(event)

    def _resolve(self, event: Event, definition: EventDefinition | None) -> None:
        abandoned = event.state is EventState.RESOLVING
        suspect = _abandonments(event) >= ALONE_FROM
        if suspect == self._alone and self._calls.ask(definition):
            self._to_resolve[abandoned].append(event.id)
            self._resolving.append(
                Resolving(
                    event=evolve(event, claims=event.claims + 1),
                    definition=definition,
                    alone=suspect,
                )
            )
            return
        self._to_park[ALONE_LINE if suspect else event.name, abandoned].append(event.id)
        self._count -= 1

    def write(self, tx: LedgerTransaction, plan: Plan) -> Claimed:
        """Write it down, and return what is to be done after the commit."""
        claimant, now = self._claimant, tx.now()
        failed: list[FailedEvent] = []
        for event in self._poison:
            poison = FailedEvent(
                id=event.id,
                name=event.name,
                tenant=event.tenant,
                error=f"poison: its workers vanished {POISON_AFTER} times",
            )
            tx.events.fail(event.id, deaths=event.deaths, error=poison.error)
            failed.append(poison)
        for event, error in self._unknown:
            failed += _fail(tx, claimant, event, str(error), final=False)
        if self._arguments:
            tx.events.store_arguments(self._arguments)
        due_at = now + micros(claimant.policy.resolve_lease)
        for abandoned, ids in self._to_resolve.items():
            tx.events.start_resolving(ids, owner=claimant.owner, due_at=due_at, abandoned=abandoned)
        for (line, abandoned), ids in self._to_park.items():
            tx.events.put_back(ids, due_at=now, parked=line, abandoned=abandoned)
        if self._nobody:
            tx.events.mark_fanned_out(self._nobody)
        if self._bodies:
            tx.events.store_bodies(self._bodies)
        taken = Claimed(
            events=self._count,
            resolving=tuple(self._resolving),
            failed=tuple(failed),
            lines=frozenset(line for line, _ in self._to_park),
        )
        return taken + fan_out(tx, claimant, self._ready, plan, claims=0)


def _abandonments(event: Event) -> int:
    """Count the abandonments in a row, a lease that has run out being one more."""
    return event.abandonments + (event.state is EventState.RESOLVING)


def claim_due_events(
    tx: LedgerTransaction, claimant: Claimant, plan: Plan, calls: CallPlan, *, limit: int
) -> Claimed:
    """Claim up to `limit` events that no hand-off brought, or whose worker vanished."""
    look, now = claimant.looks.events, tx.now()
    events = tx.events.lock_due(since=look.begin(), before=now, limit=limit)
    look.end(_dealt_with(events, limit, now))
    found = claim_events(tx, claimant, events, plan, calls)
    return found + Claimed(more_events=len(events) >= limit)


def _dealt_with(events: Sequence[Event], limit: int, now: int) -> int:
    """Return the due time before which no event is left, once these are claimed."""
    due = [event.due_at for event in events if event.due_at is not None]
    if any(event.state is EventState.RESOLVING for event in events):
        # Some of them may be left to another sweep.
        return min(due, default=now)
    return max(due, default=now) if len(events) >= limit else now


def claim_lines(
    tx: LedgerTransaction,
    claimant: Claimant,
    plan: Plan,
    calls: CallPlan,
    lines: Sequence[str],
    *,
    limit: int,
) -> Claimed:
    """Claim events that are parked in these lines, as many of each as its service has room for.

    At most `limit` of them.
    """
    claimed = Claimed()
    left = limit
    for line in lines:
        room = min(calls.room(line, claimant.definitions), left)
        if room <= 0:
            continue
        events = tx.events.lock_parked(line, limit=room)
        left -= len(events)
        claimed += claim_events(tx, claimant, events, plan, calls)
        if len(events) < room:
            claimed += Claimed(emptied_lines=frozenset([line]))
    return claimed


def claim_suspect(
    tx: LedgerTransaction, claimant: Claimant, plan: Plan, calls: CallPlan
) -> Claimed:
    """Claim an event that has to be resolved alone, if there is one; this round no other is."""
    events = tx.events.lock_parked(ALONE_LINE, limit=1)
    claimed = claim_events(tx, claimant, events, plan, calls, alone=True)
    calls.close()
    return claimed if events else Claimed(emptied_lines=frozenset([ALONE_LINE]))


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
            tx.events.put_back([event.id], due_at=tx.now())
            continue
        if one.error is not None:
            failed += _fail(
                tx, claimant, event, one.error, traceback=one.traceback, final=one.final
            )
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
    tx: LedgerTransaction,
    claimant: Claimant,
    event: Event,
    failure: str,
    *,
    traceback: str | None = None,
    final: bool,
) -> list[FailedEvent]:
    """Book a failure; return the event if that was its last."""
    deaths, error = event.deaths + 1, storable(failure, _LONGEST_ERROR)
    traceback = None if traceback is None else storable(traceback, LONGEST_TRACEBACK)
    retry = RetryPolicy()
    if final or claimant.policy.is_exhausted(deaths, retry):
        tx.events.fail(event.id, deaths=deaths, error=error, traceback=traceback)
        return [FailedEvent(id=event.id, name=event.name, tenant=event.tenant, error=error)]
    delay = claimant.policy.delay(deaths, retry, retry_after=None, random=0.5)
    tx.events.postpone(
        event.id,
        due_at=tx.now() + micros(delay),
        deaths=deaths,
        error=error,
        traceback=traceback,
    )
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
        for subscription in claimant.receivers(event):
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
    return too_many(claimant.matches(event))


def too_many(matches: Sequence[Subscription]) -> bool:
    """Tell whether an event with these subscriptions is fanned out in chunks."""
    return len(matches) > CHUNK


def chunks_of(claimant: Claimant, event: Event) -> list[Sequence[Subscription]]:
    """Return the subscriptions of a large fan-out, a transaction's worth each."""
    matches = claimant.matches(event)
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
        event = evolve(event, body=body_of(claimant, event, data))
        tx.events.store_bodies({event.id: event.body or b""})
    now = tx.now()
    wanted = claimant.content.passing(event, subscriptions)
    tx.deliveries.insert([_delivery(claimant, event, one, Verdict.FULL, now) for one in wanted])
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
        trace_context=TraceContext.read(event.trace_context),
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

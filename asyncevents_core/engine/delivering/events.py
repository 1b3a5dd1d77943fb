"""Claiming events: those without a service are fanned out at once, others resolve first.

An event without a service is fanned out in the transaction that claims it. One with a
service becomes `resolving`; its service is called outside of any transaction, and what it
returned is fanned out in a second, fenced transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.subscription import RetryPolicy
from asyncevents_core.domain.text import storable
from asyncevents_core.engine.delivering.fan_out import body_of, fan_out, too_many
from asyncevents_core.engine.delivering.leases import (
    Claimant,
    Claimed,
    FailedEvent,
    Resolved,
    Resolving,
)
from asyncevents_core.engine.delivering.permits import Plan
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

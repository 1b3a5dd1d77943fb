"""One round of claiming: the transaction that takes everything that is to be taken at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.engine.delivering.calls import CallPlan, Calls, UnlimitedCalls
from asyncevents_core.engine.delivering.due import claim_due_deliveries, claim_parked, wake
from asyncevents_core.engine.delivering.events import (
    claim_due_events,
    claim_events,
    claim_lines,
    claim_suspect,
    fan_out_resolved,
)
from asyncevents_core.engine.delivering.leases import Claimant, Claimed, Resolved
from asyncevents_core.engine.delivering.permits import Permits, Plan, UnlimitedPermits
from asyncevents_core.engine.delivering.recovery import RELEASE_BATCH, release_held
from asyncevents_core.ports.ledger import LedgerTransaction

_PARKED_AT_ONCE: Final = 500
_EVENTS_OF_LINES: Final = 500


@frozen(kw_only=True)
class Round:
    """What one transaction is to claim; by default nothing."""

    room: int = 0
    """Deliveries that may start."""
    event_ids: frozenset[UUID] = frozenset()
    """Events that hand-offs brought."""
    retry_ids: frozenset[UUID] = frozenset()
    """Deliveries whose time has come, as the retry manager says."""
    resolved: Sequence[Resolved] = ()
    """What services returned."""
    parked: Sequence[int] = ()
    """Subscriptions with parked deliveries and permits for some."""
    due: bool = False
    """Look for deliveries that are due."""
    expired: bool = False
    """Among them those whose lease has run out."""
    idle: bool = False
    """Nothing is under way in this process: what has to run alone may."""
    services: bool = True
    """Services may be called; if not, events that have one are parked, but for a suspect."""
    lines: Sequence[str] = ()
    """Lines with parked events whose service has room."""
    suspect: bool = False
    """No event is resolving in this process: one that has to be resolved alone may."""
    sweep: int = 0
    """Look for so many events that no hand-off brought."""
    release: bool = False
    """Look for held deliveries that may go on, and for parked ones that nobody looks after."""
    find_lines: bool = False
    """Look for lines of parked events."""


@frozen(kw_only=True)
class RoundResult:
    """The result of a round, valid once it is committed. Permits and calls are to be taken then."""

    claimed: Claimed
    permits: Plan
    calls: CallPlan


def claim_round(
    tx: LedgerTransaction,
    claimant: Claimant,
    wanted: Round,
    permits: Permits | UnlimitedPermits,
    calls: Calls | UnlimitedCalls,
) -> RoundResult:
    """Claim what is wanted, as far as permits go. What it returns is valid after the commit.

    Then the claimant's looks are to be settled.

    Those that wait longest come first: what services returned, parked deliveries, due ones; parked
    events; then the events of hand-offs; at last events that nobody brought. Events with and
    without a service have lanes of their own: `calls` says which services may be called, and what
    has to wait for that is parked, so that it holds up nothing.
    """
    claimant.looks.forget()
    # The first statement: it brings the clock and the epoch along.
    handed_off = tx.events.lock(wanted.event_ids) if wanted.event_ids else []
    claimant.subscriptions.refresh(tx)
    plan = permits.plan(claimant.subscriptions.rates, at_most=wanted.room)
    call_plan = calls.plan(closed=not (wanted.services or wanted.suspect))
    new = len(wanted.event_ids)
    claimed = Claimed(stale=new - len(handed_off))
    if wanted.resolved:
        claimed += fan_out_resolved(tx, claimant, wanted.resolved, plan)
    if wanted.retry_ids:
        wake(tx, claimant, wanted.retry_ids)
    if wanted.parked:
        limit = max(1, plan.free - new)
        claimed += claim_parked(tx, claimant, plan, wanted.parked, limit=limit)
    if wanted.due:
        due = claim_due_deliveries(
            tx,
            claimant,
            plan,
            limit=max(1, plan.free - new),
            expired=wanted.expired,
            idle=wanted.idle and not plan.granted,
        )
        if due.runs_alone:
            # What else this transaction finds waits until that one is over.
            plan.close()
            call_plan.close()
        claimed += due
    if wanted.suspect and not claimed.runs_alone:
        claimed += claim_suspect(tx, claimant, plan, call_plan)
    if wanted.lines:
        claimed += claim_lines(tx, claimant, plan, call_plan, wanted.lines, limit=_EVENTS_OF_LINES)
    if handed_off:
        claimed += claim_events(tx, claimant, handed_off, plan, call_plan)
    if (limit := min(wanted.sweep, plan.free)) > 0:
        claimed += claim_due_events(tx, claimant, plan, call_plan, limit=limit)
    if wanted.find_lines:
        claimed += Claimed(lines=frozenset(tx.events.parked_lines(limit=_PARKED_AT_ONCE)))
    if wanted.release:
        released = release_held(tx)
        claimed += Claimed(
            parked=frozenset(tx.deliveries.parked_subscriptions(limit=_PARKED_AT_ONCE)),
            left_waiting=released > 0,
            more_held=released >= RELEASE_BATCH,
        )
    return RoundResult(claimed=claimed, permits=plan, calls=call_plan)

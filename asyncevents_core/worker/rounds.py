"""One transaction of the claimer: everything that is to be claimed at a moment, together."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.claims import ClaimResult, EventClaims, Resolved
from asyncevents_core.engine.delivering.due import DueDeliveries
from asyncevents_core.engine.delivering.permits import Permits, Plan
from asyncevents_core.engine.delivering.recovery import reap_workers, release_held
from asyncevents_core.engine.delivering.subscription_index import SubscriptionIndex
from asyncevents_core.ports.broker import HandOff
from asyncevents_core.ports.ledger import LedgerTransaction
from asyncevents_core.worker.ledger_health import LedgerHealth

logger = logging.getLogger("asyncevents.worker.rounds")

_PARKED_AT_ONCE: Final = 500


@frozen(kw_only=True)
class Round:
    """What one transaction is to claim.

    At most `room` deliveries start. `sweep` is how many events to look for that no hand-off
    brought (None: do not look), `reap` whether to look after workers that vanished.
    """

    room: int
    messages: Sequence[HandOff] = ()
    woken: Sequence[HandOff] = ()
    resolved: Sequence[Resolved] = ()
    parked: Sequence[int] = ()
    due: bool = False
    sweep: int | None = None
    reap: bool = False


class Rounds:
    """Executes rounds, as functions of a transaction. Belongs to one thread."""

    def __init__(
        self,
        *,
        index: SubscriptionIndex,
        events: EventClaims,
        due: DueDeliveries,
        permits: Permits,
        roles: Collection[Role],
        owner: UUID,
        health: LedgerHealth,
    ) -> None:
        self._index = index
        self._events = events
        self._due = due
        self._permits = permits
        self._roles = frozenset(roles)
        self._owner = owner
        self._health = health

    def execute(self, tx: LedgerTransaction, wanted: Round) -> tuple[ClaimResult, Plan]:
        """Claim; the plan is to be taken, and the result to be used, after the commit."""
        ids = {one for message in wanted.messages for one in message.ids}
        # The first statement: it brings the clock and the epoch along.
        handed_off = tx.lock_events(ids) if ids else []
        self._index.refresh(tx)
        result = ClaimResult(stale=len(ids) - len(handed_off))
        plan = self._permits.plan(self._index.rates)
        plan.free = min(plan.free, max(0, wanted.room))
        if wanted.resolved:
            self._events.fan_out_resolved(tx, wanted.resolved, plan, result)
        if wanted.woken:
            self._due.wake(tx, {one for message in wanted.woken for one in message.ids})
        if wanted.parked:
            limit = max(1, plan.free - len(ids))
            self._due.claim_parked(tx, wanted.parked, limit=limit, plan=plan, result=result)
        if wanted.due:
            self._claim_due(tx, plan, result, limit=max(1, plan.free - len(ids)))
        if handed_off:
            self._events.claim(tx, handed_off, plan, result)
        if wanted.sweep is not None and Role.TRIGGER in self._roles:
            limit = min(wanted.sweep, plan.free)
            if limit > 0:
                before = result.events
                self._events.claim_due(tx, limit=limit, plan=plan, result=result)
                result.more_events = result.events - before >= limit
        if wanted.reap:
            self._look_after(tx, result)
        return result, plan

    def _claim_due(
        self, tx: LedgerTransaction, plan: Plan, result: ClaimResult, *, limit: int
    ) -> None:
        idle = not self._permits.in_flight and not plan.granted
        result.wants_alone = self._due.claim_due(
            tx,
            limit=limit,
            expired=self._health.settled,
            idle=idle,
            plan=plan,
            result=result,
        )
        if result.wants_alone:
            # Let the process run empty: the next look then finds it idle.
            plan.free = 0
            result.left_waiting = True
        elif any(lease.alone for lease in result.leases):
            # What else this transaction finds waits until that one is over.
            plan.free = 0

    def _look_after(self, tx: LedgerTransaction, result: ClaimResult) -> None:
        # After an outage or a stall all beats are old: those who live are about to write theirs.
        expired = reap_workers(tx, me=self._owner) if self._health.steady else 0
        if expired:
            logger.warning("workers have vanished", extra={"leases": expired})
        if Role.RETRY in self._roles:
            release_held(tx)
            result.parked.update(tx.parked_subscriptions(limit=_PARKED_AT_ONCE))

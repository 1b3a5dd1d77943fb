"""Claiming deliveries that are due: retries, replays, leftovers, and leases that ran out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import DeadReason, Delivery, DeliveryState
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.subscription import Subscription, SubscriptionStatus
from asyncevents_core.engine.delivering.abandoned import blamed, record_abandoned
from asyncevents_core.engine.delivering.leases import Claimant, Claimed, Lease
from asyncevents_core.engine.delivering.permits import Plan, Verdict
from asyncevents_core.engine.delivering.policy import ALONE_FROM, POISON_AFTER
from asyncevents_core.ports.ledger import LedgerTransaction


def claim_due_deliveries(
    tx: LedgerTransaction,
    claimant: Claimant,
    plan: Plan,
    *,
    limit: int,
    expired: bool,
    idle: bool,
) -> Claimed:
    """Take up to `limit` due deliveries; `expired` leases too, if asked.

    `idle` says whether nothing is under way in this process. What it returns `wants_alone` if a
    delivery has to run alone and could not, so that the caller lets the process run empty.
    """
    look, now = claimant.looks.deliveries, tx.now()
    rows = tx.deliveries.lock_due(since=look.begin(), limit=limit, expired=expired)
    oldest = min((row.due_at for row in rows if row.due_at is not None), default=now)
    guilty = blamed(tx, rows)
    suspects = [row for row in rows if _abandonments(row, guilty) >= ALONE_FROM]
    more = len(rows) == limit
    if idle and suspects:
        rows, more = suspects[:1], True
    taken = _sort_out(tx, claimant, plan, rows, guilty, idle=idle)
    waiting = more or taken.wants_alone
    if expired:
        # Else leases were not looked at. What has to wait may be left as it was.
        look.end(oldest if waiting or taken.left_waiting else now)
    return taken + Claimed(left_waiting=waiting)


def claim_parked(
    tx: LedgerTransaction,
    claimant: Claimant,
    plan: Plan,
    subscription_ids: Sequence[int],
    *,
    limit: int,
) -> Claimed:
    """Take up to `limit` parked deliveries of these subscriptions, as permits allow."""
    rows: list[Delivery] = []
    emptied: set[int] = set()
    for subscription_id in subscription_ids:
        room = min(plan.room(subscription_id), limit - len(rows))
        if room <= 0:
            continue
        found = tx.deliveries.lock_parked(subscription_id, limit=room)
        rows += found
        if len(found) < room:
            emptied.add(subscription_id)
    taken = _sort_out(tx, claimant, plan, rows, frozenset(), idle=False)
    # One that has to run alone is due now, unparked: the next look at what is due takes it.
    left_waiting = taken.left_waiting or taken.wants_alone
    return evolve(taken, emptied=frozenset(emptied), left_waiting=left_waiting, wants_alone=False)


def wake(tx: LedgerTransaction, claimant: Claimant, ids: Collection[UUID]) -> None:
    """Make deliveries due whose retry manager says that their time has come.

    Their due time is the backstop's, so a row that is due later than that was rescheduled
    meanwhile: the message is about an earlier retry.
    """
    tx.deliveries.make_due(ids, before=tx.now() + micros(claimant.policy.retry_backstop))


def _sort_out(
    tx: LedgerTransaction,
    claimant: Claimant,
    plan: Plan,
    rows: Sequence[Delivery],
    guilty: Collection[UUID],
    *,
    idle: bool,
) -> Claimed:
    """Say of each locked row what becomes of it, and write that down.

    `guilty` are those whose lease has run out by their own fault.
    """
    if not rows:
        return Claimed()
    now = tx.now()
    moves = _Moves(tx, guilty)
    granted: list[tuple[Delivery, Subscription]] = []
    dead: list[Delivery] = []
    parked: set[int] = set()
    left_waiting = wants_alone = False
    abandoned = [row for row in rows if row.state is DeliveryState.LEASED]
    record_abandoned(tx, claimant, abandoned, now)
    disabled = _disabled(tx, claimant, rows)
    for row in rows:
        abandonments = _abandonments(row, guilty)
        subscription = claimant.subscriptions.get(row.subscription_id)
        if abandonments >= POISON_AFTER:
            moves.add(DeliveryState.DEAD, row, reason=DeadReason.POISON)
            dead.append(row)
        elif subscription is None:
            moves.add(DeliveryState.CANCELLED, row)
        elif subscription.id in disabled:
            moves.add(DeliveryState.HELD, row)
        elif abandonments >= ALONE_FROM and not idle:
            wants_alone = True
            moves.add(DeliveryState.WAITING, row, due_at=now)
        else:
            verdict = plan.ask(subscription.id)
            if verdict is Verdict.GRANTED:
                granted.append((row, subscription))
            elif verdict is Verdict.PARK:
                moves.add(DeliveryState.WAITING, row, due_at=now, parked=True)
                parked.add(subscription.id)
            else:
                moves.add(DeliveryState.WAITING, row, due_at=now)
                left_waiting = True
    moves.execute()
    return Claimed(
        leases=_lease(tx, claimant, granted, guilty, now),
        dead=tuple(dead),
        parked=frozenset(parked),
        left_waiting=left_waiting,
        wants_alone=wants_alone,
    )


def _disabled(tx: LedgerTransaction, claimant: Claimant, rows: Sequence[Delivery]) -> set[int]:
    """Return the disabled subscriptions among the rows', locked so that they stay so."""
    candidates = set()
    for row in rows:
        subscription = claimant.subscriptions.get(row.subscription_id)
        if subscription and subscription.status is SubscriptionStatus.DISABLED:
            candidates.add(subscription.id)
    return tx.subscriptions.still_disabled(candidates) if candidates else set()


def _lease(
    tx: LedgerTransaction,
    claimant: Claimant,
    granted: Sequence[tuple[Delivery, Subscription]],
    guilty: Collection[UUID],
    now: int,
) -> tuple[Lease, ...]:
    if not granted:
        return ()
    due_at = now + micros(claimant.policy.delivery_lease)
    for abandoned in (False, True):
        ids = [row.id for row, _ in granted if (row.id in guilty) == abandoned]
        if ids:
            tx.deliveries.move(
                ids,
                state=DeliveryState.LEASED,
                due_at=due_at,
                owner=claimant.owner,
                claimed=True,
                abandoned=abandoned,
            )
    events = tx.events.read({row.event_id for row, _ in granted})
    leases = []
    for row, subscription in granted:
        abandonments = _abandonments(row, guilty)
        leases.append(
            Lease(
                delivery=evolve(
                    row,
                    state=DeliveryState.LEASED,
                    claims=row.claims + 1,
                    abandonments=abandonments,
                    due_at=due_at,
                    owner=claimant.owner,
                    parked=False,
                ),
                subscription=subscription,
                event=events[row.event_id],
                leased_at=now,
                alone=abandonments >= ALONE_FROM,
            )
        )
    return tuple(leases)


def _abandonments(row: Delivery, guilty: Collection[UUID]) -> int:
    """Count the abandonments in a row, one more for a lease that ran out by its own fault."""
    return row.abandonments + (row.id in guilty)


_Change = tuple[DeliveryState, int | None, bool, DeadReason | None, bool]


class _Moves:
    """Collects changes and makes them with one statement per group of equal ones."""

    def __init__(self, tx: LedgerTransaction, guilty: Collection[UUID]) -> None:
        self._tx = tx
        self._guilty = guilty
        self._groups: defaultdict[_Change, list[UUID]] = defaultdict(list)

    def add(
        self,
        state: DeliveryState,
        row: Delivery,
        *,
        due_at: int | None = None,
        parked: bool = False,
        reason: DeadReason | None = None,
    ) -> None:
        abandoned = row.id in self._guilty
        if row.state is state and row.parked == parked:
            return
        self._groups[(state, due_at, parked, reason, abandoned)].append(row.id)

    def execute(self) -> None:
        for (state, due_at, parked, reason, abandoned), ids in self._groups.items():
            self._tx.deliveries.move(
                ids, state=state, due_at=due_at, parked=parked, reason=reason, abandoned=abandoned
            )

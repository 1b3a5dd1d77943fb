"""What a worker that vanished has left behind, and what of it counts as its fault.

A delivery whose lease runs out is blamed for that: after two times in a row it runs alone. But a
worker that was resolving an event that had been abandoned before is likely to have died of that
event. Then its deliveries are given back without blame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from asyncevents_core.domain.delivery import Attempt, Claim, Delivery, DeliveryState
from asyncevents_core.engine.delivering.leases import Claimant
from asyncevents_core.ports.ledger import LedgerTransaction

_BATCH: Final = 500


def record_abandoned(
    tx: LedgerTransaction, claimant: Claimant, rows: Sequence[Delivery], now: int
) -> None:
    """Record the attempt of each of these leases, which have run out, as abandoned."""
    if not rows:
        return
    attempts = []
    for row in rows:
        claim = Claim(id=row.id, claim_no=row.claims)
        subscription = claimant.subscriptions.get(row.subscription_id)
        target = subscription.target if subscription else ""
        attempts.append(
            Attempt.abandoned(claim, target=target, started_at=now, detail="its worker vanished")
        )
    tx.outcomes.record(attempts, indexing=claimant.policy.indexing)


def blamed(tx: LedgerTransaction, rows: Sequence[Delivery]) -> set[UUID]:
    """Return those of these locked deliveries whose lease has run out by their own fault."""
    expired = [row for row in rows if row.state is DeliveryState.LEASED]
    owners = {row.owner for row in expired if row.owner is not None}
    excused = tx.events.resolving_again(owners) if owners else set()
    return {row.id for row in expired if row.owner not in excused}


def excuse_deliveries(tx: LedgerTransaction, claimant: Claimant, owner: UUID) -> bool:
    """Give the deliveries back whose lease of this owner has run out, without blame.

    Before an event of that owner is taken that was abandoned before: once it has another owner
    nobody knows any more what the deliveries died of. Returns whether none is left; others may
    have locked some, and not have looked for the event yet.
    """
    while rows := tx.deliveries.lock_expired(owner, limit=_BATCH):
        now = tx.now()
        record_abandoned(tx, claimant, rows, now)
        tx.deliveries.move([row.id for row in rows], state=DeliveryState.WAITING, due_at=now)
    return not tx.deliveries.has_expired(owner)

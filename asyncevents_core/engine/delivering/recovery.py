"""Looking after what nobody else does: vanished workers, and what was held for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.ports.ledger import LedgerTransaction

SILENT_AFTER: Final = 15.0
"""Seconds without a beat after which a worker counts as gone."""
REAP_BATCH: Final = 500
"""Leases that are made due in a transaction."""
RELEASE_BATCH: Final = 500
"""Held deliveries that are released per subscription and sweep."""


def alive(workers: Iterable[WorkerRow], now: int) -> list[WorkerRow]:
    """Return the workers that have not fallen silent at `now`, the ledger's microseconds."""
    return [one for one in workers if one.beat_at >= now - micros(SILENT_AFTER)]


@frozen(kw_only=True)
class Reaped:
    """What one look for vanished workers came to."""

    leases: int = 0
    """Leases that were made due."""
    more: bool = False
    """There may be more of them that can be had at once."""
    lost: tuple[WorkerRow, ...] = ()
    """The workers that are taken off the list."""


def reap_workers(tx: LedgerTransaction, *, me: UUID) -> Reaped:
    """Make leases of workers that have fallen silent due now, a batch of them.

    `me` is the worker that looks, which lives whatever its last beat. A transaction of its own:
    one that is frozen may have locked what it leased. Such rows are passed over, and its worker
    stays on the list until somebody has had them too.
    """
    before = tx.now() - micros(SILENT_AFTER)
    silent = {one.id: one for one in tx.workers.silent(before=before) if one.id != me}
    if not silent:
        return Reaped()
    expired = tx.workers.expire_leases(silent, limit=REAP_BATCH)
    leasing = tx.workers.leasing(silent)
    lost = tuple(one for one in silent.values() if one.id not in leasing)
    for one in lost:
        tx.workers.remove(one.id)
    return Reaped(leases=expired, more=expired == REAP_BATCH, lost=lost)


def retire(tx: LedgerTransaction, worker_id: UUID) -> None:
    """Take a worker that stops off the list; what it did not finish is due now.

    If others have locked some of that, it stays on the list, to be reaped.
    """
    while tx.workers.expire_leases([worker_id], limit=REAP_BATCH) == REAP_BATCH:
        pass
    if not tx.workers.leasing([worker_id]):
        tx.workers.remove(worker_id)


def release_held(tx: LedgerTransaction) -> int:
    """Let deliveries of subscriptions that were enabled again go on, a batch of each."""
    released = 0
    for subscription_id in tx.subscriptions.holding():
        rows = tx.deliveries.lock_held(subscription_id, limit=RELEASE_BATCH)
        if not rows:
            # Another worker may have locked them, and not commit.
            if not tx.deliveries.has_held(subscription_id):
                tx.subscriptions.stop_holding(subscription_id)
            continue
        tx.deliveries.move([row.id for row in rows], state=DeliveryState.WAITING, due_at=tx.now())
        released += len(rows)
    return released

"""Tells, by an event, that something has been due for too long."""

from __future__ import annotations

from typing import Final

from asyncevents_core.domain import operational
from asyncevents_core.domain.instant import iso, micros, to_datetime
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.engine.delivering.operational import Operations
from asyncevents_core.engine.upkeep.problems import OVERDUE_AFTER
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

_TASK: Final = "tell of lateness"
_AGAIN: Final = 600.0
"""Seconds until it is told again, as long as it lasts: by one process of all."""


def tell_if_late(ledger: Ledger, operations: Operations) -> bool:
    """Look for what has been due for too long, if somebody wants to hear of that.

    Return whether it was told now. Raises `LedgerError`.
    """
    operations.refresh(ledger)
    if not operations.wants(operational.LATE):
        return False
    backlog = ledger.read(lambda view: view.backlog())
    oldest = backlog.oldest_due_at

    def work(tx: LedgerTransaction) -> bool:
        now = tx.now()
        late = oldest is not None and now - oldest > micros(OVERDUE_AFTER)
        if not late or not tx.tasks.take(_TASK, first=now, until=now + micros(_AGAIN)):
            return False
        operations.tell(tx, operational.LATE, None, _data(backlog, now))
        return True

    return ledger.run(work)


def _data(backlog: Backlog, now: int) -> dict[str, object]:
    oldest = backlog.oldest_due_at or now
    return {
        "oldest_due_at": iso(to_datetime(oldest)),
        "oldest_due_seconds": round((now - oldest) / 1e6, 1),
        "events_open": backlog.events_open,
        "deliveries_due": backlog.waiting_due,
        "retries_scheduled": backlog.waiting_later,
    }

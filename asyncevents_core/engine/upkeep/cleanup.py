"""The clean-up: delete old events that have ended, in small transactions, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.ledger.tasks import Cleaned

TASK: Final = "cleanup"
LEASE: Final = 600.0
"""Seconds for which one process has the clean-up for itself; renewed with every step."""
MOST_ROWS: Final = 1000
_REST: Final = 2.0
"""Rest after a step, in parts of its time: without it deliveries lose a third of their rate."""
_DAY: Final = 86_400.0


def clean_up(
    ledger: Ledger,
    *,
    days: float,
    indexed: bool,
    by: Actor | None = None,
    progress: Callable[[Cleaned], None] = lambda _: None,
    go_on: Callable[[], bool] = lambda: True,
    rest: Callable[[float], object] = time.sleep,
) -> Cleaned:
    """Delete events that were over `days` days ago, with their deliveries and attempts.

    What waits, is under way or is held is never deleted. With `indexed` the index drops the
    attempts too. `progress` hears of each step; between steps `go_on` may end it, and `rest`
    leaves the database to the workers for so many seconds. Returns the sum.

    `by` is who asks for it, None: the schedule. For an actor the audit log says "cleanup" from
    the first deletion on, and at the end, with the sums, "cleanup.done".
    """
    rows = events = 0
    begun = 0.0
    after: UUID | None = None
    begun_id, done_id = uuid7(), uuid7()

    def step(tx: LedgerTransaction) -> Cleaned:
        nonlocal begun
        # From here on, not while it waits for SQLite's one writer: others work meanwhile.
        begun = time.monotonic()
        before = tx.now() - micros(days * _DAY)
        done = tx.tasks.delete_old(before=before, after=after, limit=MOST_ROWS, indexed=indexed)
        if by is not None:
            # The first transaction writes it; the others find it there.
            audit(tx, by, "cleanup", entry_id=begun_id, details={"days": days})
            if _is_last(done):
                sums = {"days": days, "events": events, "rows": rows}
                audit(tx, by, "cleanup.done", entry_id=done_id, details=sums)
        return done

    while go_on():
        done = ledger.run(step, patient=True)
        took = time.monotonic() - begun
        rows += done.rows
        events += done.events
        progress(done)
        after = done.after
        if _is_last(done):
            break
        rest(_REST * took)
    return Cleaned(rows=rows, events=events, after=after)


def _is_last(done: Cleaned) -> bool:
    return done.after is None and not done.rows


def clean_up_if_due(
    ledger: Ledger,
    *,
    days: float,
    indexed: bool,
    next_run: Callable[[int], int],
    go_on: Callable[[], bool],
    rest: Callable[[float], object] = time.sleep,
) -> Cleaned | None:
    """Clean up if the schedule says so and no other process does; None otherwise.

    `next_run` returns the first time of the schedule after a time, in microseconds; `indexed`,
    `go_on` and `rest` as for `clean_up`.
    """

    def take(tx: LedgerTransaction) -> bool:
        now = tx.now()
        return tx.tasks.take(TASK, first=next_run(now), until=now + micros(LEASE))

    if not ledger.run(take):
        return None
    done = clean_up(
        ledger,
        days=days,
        indexed=indexed,
        progress=lambda _: _renew(ledger),
        go_on=go_on,
        rest=rest,
    )
    if go_on():
        ledger.run(lambda tx: tx.tasks.put_off(TASK, until=next_run(tx.now())))
    return done


def _renew(ledger: Ledger) -> None:
    ledger.run(lambda tx: tx.tasks.put_off(TASK, until=tx.now() + micros(LEASE)))

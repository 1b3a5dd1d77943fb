"""Feed an index from the ledger's queue: one process at a time, never twice, nothing left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import LoggedAttempt
from asyncevents_core.engine.shared.task_lease import TaskLease
from asyncevents_core.ports.indexer import AttemptDocument, Indexer
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.ledger.index import QueuedAttempt

logger = logging.getLogger("asyncevents.indexing")

T = TypeVar("T", QueuedAttempt, LoggedAttempt)

TASK: Final = "index"
LEASE: Final = 30.0
"""Seconds for which one process has the index for itself; renewed with every step."""
PAGE: Final = 500
"""Attempts that are read at once."""
BATCH: Final = 4 * PAGE
"""Attempts that are written at once, at most: an index is slow to make things durable."""
BATCH_BYTES: Final = 8_000_000
"""No more is read for a batch when their bodies have reached this."""


def index_lease(ledger: Ledger) -> TaskLease:
    """Return the right to write to the index."""
    return TaskLease(ledger, TASK, seconds=LEASE)


class IndexFeed:
    """Moves attempts from the queue to the index. Belongs to the thread that has the lease."""

    def __init__(self, ledger: Ledger, indexer: Indexer) -> None:
        self._ledger = ledger
        self._indexer = indexer

    def step(self) -> int:
        """Index what waits, about `BATCH` attempts at most; return how many it was.

        Killed between index and queue, the next step writes the same documents again. Raises
        `IndexUnavailable`, `LedgerError`.
        """
        queued = gathered(self._queued, 0, lambda one: one.logged)
        if not queued:
            return 0
        versions = {one.log_id: one.version for one in queued}
        documents = [document_of(one.logged) for one in queued if one.logged is not None]
        gone = [one.log_id for one in queued if one.logged is None]
        rejected = self._indexer.upsert(documents) if documents else ()
        if gone:
            self._indexer.delete(gone)
        aside = {one.log_id: versions.pop(one.log_id) for one in rejected}
        for one in rejected:
            logger.warning(
                "the index refuses an attempt; it is set aside",
                extra={"log_id": one.log_id, "reason": one.reason},
            )

        def settle(tx: LedgerTransaction) -> None:
            tx.index.unqueue(versions)
            if aside:
                tx.index.set_aside(aside)

        self._ledger.run(settle)
        return len(queued)

    def _queued(self, after: int) -> Sequence[QueuedAttempt]:
        return self._ledger.read(lambda view: view.index.queued(after=after, limit=PAGE))


def gathered(
    page_behind: Callable[[int], Sequence[T]],
    after: int,
    logged: Callable[[T], LoggedAttempt | None],
) -> list[T]:
    """Return pages that follow each other behind a log_id, as much as is written at once."""
    found: list[T] = []
    size = 0
    while len(found) < BATCH and size < BATCH_BYTES:
        page = page_behind(found[-1].log_id if found else after)
        found += page
        if len(page) < PAGE:
            break
        size += sum(len(one.event.body or b"") for one in map(logged, page) if one is not None)
    return found


def document_of(logged: LoggedAttempt) -> AttemptDocument:
    """Return what is searched for an attempt; where there was no answer, the reason is."""
    row, attempt, event = logged.row, logged.row.attempt, logged.event
    success = attempt.outcome is OutcomeKind.DELIVERED
    return AttemptDocument(
        log_id=logged.log_id,
        uuid=str(attempt.delivery_id),
        event_name=event.name,
        success=success,
        started_at=attempt.started_at,
        duration=attempt.duration,
        fate=row.fate,
        outcome=attempt.outcome,
        http_status=attempt.http_status,
        detail=attempt.detail,
        attempt=attempt.claim_no,
        subscription_id=row.subscription_id,
        sink=row.sink,
        tenant=event.tenant,
        target=attempt.target,
        response=attempt.response if success else attempt.response or attempt.detail,
        body=event.body or b"{}",
    )

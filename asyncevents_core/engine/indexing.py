"""Feed an index from the ledger's queue: one process at a time, never twice, nothing left out."""

from __future__ import annotations

import logging
from typing import Final

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import LoggedAttempt
from asyncevents_core.engine.lease import TaskLease
from asyncevents_core.ports.indexer import AttemptDocument, Indexer
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

logger = logging.getLogger("asyncevents.indexing")

TASK: Final = "index"
LEASE: Final = 30.0
"""Seconds for which one process has the index for itself; renewed with every step."""
BATCH: Final = 500


def index_lease(ledger: Ledger) -> TaskLease:
    """Return the right to write to the index."""
    return TaskLease(ledger, TASK, seconds=LEASE)


class IndexFeed:
    """Moves attempts from the queue to the index. Belongs to the thread that has the lease."""

    def __init__(self, ledger: Ledger, indexer: Indexer) -> None:
        self._ledger = ledger
        self._indexer = indexer

    def step(self) -> int:
        """Index what waits, up to `BATCH` attempts; return how many it was.

        Killed between index and queue, the next step writes the same documents again. Raises
        `IndexUnavailable`, `LedgerError`.
        """
        queued = self._ledger.run(lambda tx: tx.queued_for_index(limit=BATCH))
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
            tx.unqueue(versions)
            if aside:
                tx.set_aside(aside)

        self._ledger.run(settle)
        return len(queued)


def document_of(logged: LoggedAttempt) -> AttemptDocument:
    """Return what is searched for an attempt."""
    attempt, event = logged.attempt, logged.event
    return AttemptDocument(
        log_id=logged.log_id,
        uuid=str(attempt.delivery_id),
        event_name=event.name,
        success=attempt.outcome is OutcomeKind.DELIVERED,
        created=attempt.started_at,
        status=logged.status,
        attempt=attempt.claim_no,
        subscription_id=logged.subscription_id,
        sink=logged.sink,
        tenant=event.tenant,
        recipient_url=attempt.target,
        response=attempt.response,
        body=event.body or b"{}",
    )

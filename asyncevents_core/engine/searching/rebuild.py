"""Build the index anew from the ledger, while the old one serves and is fed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.delivery import Claim
from asyncevents_core.domain.trace import LoggedAttempt
from asyncevents_core.engine.searching.feed import (
    LEASE,
    PAGE,
    IndexFeed,
    document_of,
    gathered,
    index_lease,
)
from asyncevents_core.engine.shared.task_lease import Kept, TaskLease
from asyncevents_core.errors import IndexBusy
from asyncevents_core.ports.indexer import Indexer, Rebuild, Rejected
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

TASK: Final = "reindex"
_LOOK_EVERY: Final = 0.2
_PATIENCE: Final = LEASE + 10.0
"""Seconds to wait for who has the index: a worker gives way, the lease of a dead one ends."""


def is_reindexing(ledger: Ledger) -> bool:
    """Tell whether a reindex runs in some process. Raises `LedgerError`."""
    return ledger.read(lambda view: view.tasks.is_taken(TASK))


@frozen(kw_only=True)
class ReindexProgress:
    """How far it is: behind `log_id` of the `newest`; `added` attempts, `refused` by the index.

    `resumed` says whether an earlier one, which was interrupted, goes on.
    """

    log_id: int
    newest: int
    added: int
    refused: int
    resumed: bool


class Reindex:
    """One run. A context manager that has the index for itself; belongs to one thread.

    Workers that feed the index give way, and this feeds it meanwhile: searches see the old
    index, with what is new, until `run` has finished the new one. Killed at any moment, the
    next run goes on where this one was.
    """

    def __init__(self, ledger: Ledger, indexer: Indexer) -> None:
        self._ledger = ledger
        self._indexer = indexer
        self._only_one = TaskLease(ledger, TASK, seconds=LEASE)
        self._lease = index_lease(ledger)
        self._kept = Kept(self._lease, self._only_one)
        self._feed = IndexFeed(ledger, indexer)

    def __enter__(self) -> Reindex:
        """Wait for the index. Raises `IndexBusy` where another process does not give it up."""
        self._wait(self._only_one.keep, "a reindex is running already")
        try:
            self._wait(
                lambda: self._only_one.keep() and self._lease.keep(),
                f"a worker has not given up the index within {_PATIENCE:g} s; is one stopped, or "
                "its index very slow? `asyncevents check` lists them",
            )
        except BaseException:
            self._only_one.give_up()
            raise
        self._kept.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.stop()

    def run(self, progress: Callable[[ReindexProgress], None] = lambda _: None) -> ReindexProgress:
        """Fill a new index and let it serve; `progress` hears of every batch.

        What the index had refused is tried again. Raises `IndexUnavailable`, `LedgerError`, and
        `IndexBusy` where this process was so slow that another one took the index.
        """
        self._ledger.run(lambda tx: tx.index.queue_set_aside())
        rebuild = self._indexer.rebuild()
        cursor = rebuild.cursor
        state = ReindexProgress(
            log_id=cursor or 0,
            newest=self._ledger.read(lambda view: view.log.newest_id()),
            added=0,
            refused=0,
            resumed=cursor is not None,
        )
        progress(state)
        # What is newer is queued, and since the rebuild has begun the feed writes it to both.
        while state.log_id < state.newest:
            self._keep()
            self._feed.step()
            batch = gathered(self._logged, state.log_id, lambda one: one)
            if not batch:
                break
            refused = self._fill(rebuild, batch)
            state = ReindexProgress(
                log_id=batch[-1].log_id,
                newest=state.newest,
                added=state.added + len(batch) - refused,
                refused=state.refused + refused,
                resumed=state.resumed,
            )
            progress(state)
        self._keep()
        rebuild.finish()
        return state

    def abandon(self) -> bool:
        """Remove what an interrupted run has made; return whether there was one."""
        if not self._indexer.is_rebuilding():
            return False
        self._indexer.rebuild().abandon()
        return True

    def _logged(self, after: int) -> Sequence[LoggedAttempt]:
        return self._ledger.read(lambda view: view.index.attempts(after=after, limit=PAGE))

    def _fill(self, rebuild: Rebuild, page: Sequence[LoggedAttempt]) -> int:
        rejected = rebuild.fill([document_of(one) for one in page], cursor=page[-1].log_id)
        if rejected:
            self._ledger.run(lambda tx: _queue(tx, page, rejected))
        return len(rejected)

    def _wait(self, ready: Callable[[], bool], otherwise: str) -> None:
        until = time.monotonic() + _PATIENCE
        while not ready():
            if time.monotonic() > until:
                raise IndexBusy(otherwise)
            time.sleep(_LOOK_EVERY)

    def _keep(self) -> None:
        if not (self._only_one.keep() and self._lease.keep()):
            raise IndexBusy("another process has taken the index; run it again to go on")


def _queue(
    tx: LedgerTransaction, page: Sequence[LoggedAttempt], rejected: Sequence[Rejected]
) -> None:
    """Queue what the new index refuses: the feed tries it, and sets it aside with the reason."""
    refused = {one.log_id for one in rejected}
    tx.index.queue(
        [
            Claim(id=one.row.attempt.delivery_id, claim_no=one.row.attempt.claim_no)
            for one in page
            if one.log_id in refused
        ]
    )

"""The thread of a worker that feeds the index, where this process has the lease."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from typing import Final

from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.searching.feed import PAGE, IndexFeed, index_lease
from asyncevents_core.engine.searching.rebuild import is_reindexing
from asyncevents_core.engine.shared.progress import Progress
from asyncevents_core.engine.shared.task_lease import Kept
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.indexer import Indexer
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.run_time import RunTimeValues
from asyncevents_core.worker.courtesy import AmongOthers, ByPriority, Courtesy

logger = logging.getLogger("asyncevents.worker.indexing")

_LOOK_EVERY: Final = 0.5
_WAIT_FOR_LEASE: Final = 5.0
_LONGEST_PAUSE: Final = 30.0
_LAST_STEP: Final = 10.0
"""Seconds for the step that is under way when the worker stops."""


def index_consumer(runtime: Runtime, roles: Collection[Role]) -> IndexConsumer | None:
    """Return what feeds the index in a process of these roles; None where nothing does."""
    if not runtime.policy.indexing or Role.INDEX not in roles:
        return None
    kind = ByPriority if set(roles) == {Role.INDEX} else AmongOthers
    return IndexConsumer(
        ledger=runtime.ledger,
        open_indexer=runtime.open_indexer,
        enabled=runtime.settings.indexing_enabled,
        courtesy=kind(runtime.settings.indexing_patience),
    )


class IndexConsumer:
    """Indexes what waits, every half second; at once again while there is more.

    Deliveries go first, as the `courtesy` has it.

    `enabled` is what the settings say; what is set at run time wins. While it is off, attempts
    are queued, and indexed once it is on again. While a `reindex` runs, that feeds the index.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        open_indexer: Callable[[], Indexer],
        enabled: bool,
        courtesy: Courtesy,
    ) -> None:
        self._ledger = ledger
        self._open_indexer = open_indexer
        self._enabled = enabled
        self._courtesy = courtesy
        self._run_time = RunTimeValues()
        self._lease = index_lease(ledger)
        self._holding = True
        self.progress = Progress("the thread that feeds the index")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="indexing", daemon=True)

    def idle(self) -> bool:
        """Tell whether nothing waits for this process to index it. Blocks; raises `LedgerError`."""
        return not self.waiting()

    def waiting(self) -> int | None:
        """Return how many attempts wait to be indexed; None: that is another process's task.

        Blocks; raises `LedgerError`.
        """
        if not self._holding:
            return None
        return self._ledger.read(lambda view: view.index.backlog().waiting)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the step under way. Waits for the thread, unless it hangs."""
        self._stop.set()
        self._thread.join(_LAST_STEP)

    def _run(self) -> None:
        self.progress.begin()
        pause = 0.0
        while not self._wait(pause):
            try:
                pause = self._courtesy.run(self._hold)
            except AsyncEventsError as error:
                pause = min(_LONGEST_PAUSE, max(1.0, pause * 2))
                logger.warning("indexing is put off", extra={"error": str(error)})
            except Exception:
                pause = min(_LONGEST_PAUSE, max(1.0, pause * 2))
                logger.exception("indexing failed; trying again")
        self.progress.end()

    def _wait(self, pause: float) -> bool:
        """Wait for so long; return whether to stop."""
        self.progress.rest()
        stop = self._stop.wait(pause)
        self.progress.step()
        return stop

    def _hold(self) -> float:
        """Index while this process has the lease; return how long to wait before the next try."""
        # It may run on another thread than the last time.
        self.progress.begin()
        self._holding = self._on() and self._lease.keep()
        if not self._holding:
            return _WAIT_FOR_LEASE
        try:
            with Kept(self._lease) as kept, self._open_indexer() as indexer:
                feed = IndexFeed(self._ledger, indexer)
                while not (self._stop.is_set() or kept.lost or self._courtesy.turned):
                    if not self._on():
                        break
                    self.progress.step()
                    self._courtesy.begin()
                    done = feed.step() < PAGE
                    pause = self._courtesy.pause(done=done)
                    self._wait(_LOOK_EVERY if done else pause)
        except Exception:
            # A worker that drains need not wait for an index that cannot be had.
            self._holding = False
            raise
        return 0.0

    def _on(self) -> bool:
        if is_reindexing(self._ledger):
            return False
        self._run_time.refresh(self._ledger)
        return self._run_time.switch("INDEXING_ENABLED", self._enabled)

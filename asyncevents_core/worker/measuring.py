"""What a worker tells observers of the backlog and of itself, every few seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from asyncevents_core.engine.delivering.permits import Permits
from asyncevents_core.engine.shared.progress import LoopProgress
from asyncevents_core.errors import LedgerError
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.observer import (
    BACKLOG_EVERY,
    BacklogCounted,
    Observers,
    WorkerMeasured,
)
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.indexing import IndexConsumer
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.receiver import Receiver
from asyncevents_core.worker.vitals import Vitals

logger = logging.getLogger("asyncevents.worker.measuring")


class Measuring:
    """Counts the backlog and looks at the parts of a worker. `stuck` counts calls that hang."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        observers: Observers,
        permits: Permits,
        bookkeeper: Bookkeeper,
        receivers: Sequence[Receiver],
        indexing: IndexConsumer | None,
        health: LedgerHealth,
        vitals: Vitals,
        loop: LoopProgress,
        stuck: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._observers = observers
        self._permits = permits
        self._bookkeeper = bookkeeper
        self._receivers = receivers
        self._indexing = indexing
        self._health = health
        self._vitals = vitals
        self._loop = loop
        self._stuck = stuck

    async def run(self, executor: Executor) -> None:
        """Tell observers, again and again, until cancelled. The ledger is asked on `executor`."""
        while True:
            await asyncio.get_running_loop().run_in_executor(executor, self.tell)
            await asyncio.sleep(BACKLOG_EVERY)

    def tell(self) -> None:
        """Tell observers once. Blocks; what the ledger does not say is left out."""
        waiting = None
        try:
            self._observers.tell(BacklogCounted(backlog=self._ledger.read(lambda at: at.backlog())))
            if self._indexing is not None:
                waiting = self._indexing.waiting()
        except LedgerError as error:
            logger.warning("cannot count the backlog", extra={"error": str(error)})
        self._observers.tell(
            WorkerMeasured(
                in_flight=self._permits.in_flight,
                free=self._permits.free,
                unwritten=self._bookkeeper.unwritten,
                loop_lag=self._loop.take_lag(),
                stuck=self._stuck(),
                ledger_answers=not self._health.down,
                broker_answers=self._broker_answers(),
                index_waiting=waiting,
                stalled=self._vitals.stalled,
            )
        )

    def _broker_answers(self) -> bool | None:
        if not self._receivers:
            return None
        return all(one.connected for one in self._receivers)

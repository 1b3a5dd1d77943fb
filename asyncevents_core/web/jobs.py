"""The thread that runs replays of many deliveries."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final
from uuid import UUID

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.engine.replaying.jobs import give_back_job, run_step, take_job
from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.errors import AsyncEventsError, LedgerError
from asyncevents_core.ports.ledger import Ledger

logger = logging.getLogger("asyncevents.web.jobs")

_LOOK_EVERY: Final = 5.0


class JobRunner:
    """Runs one job at a time. Jobs of processes that vanished are taken over after a minute."""

    def __init__(self, ledger: Ledger, search: Callable[[], LogSearch]) -> None:
        self._ledger = ledger
        self._search = search
        self._owner = uuid7()
        self._stop = threading.Event()
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replay-jobs", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Look for a job now. Thread-safe."""
        self._bell.set()

    def stop(self) -> None:
        """Stop after the step under way. Waits for the thread."""
        self._stop.set()
        self._bell.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                job = take_job(self._ledger, self._owner)
                if job is not None:
                    self._work(job)
                    continue
            except LedgerError as error:
                logger.warning("replays wait for the ledger", extra={"error": str(error)})
            except AsyncEventsError as error:
                logger.warning("a replay waits for the index", extra={"error": str(error)})
            except Exception:
                logger.exception("a replay failed; it is tried again")
            self._bell.wait(_LOOK_EVERY)
            self._bell.clear()

    def _work(self, job: UUID) -> None:
        logger.info("replay begun", extra={"replay": str(job)})
        while not self._stop.is_set():
            pause = run_step(self._ledger, job, self._owner, self._search)
            if pause is None:
                logger.info("replay ended", extra={"replay": str(job)})
                return
            self._stop.wait(pause)
        give_back_job(self._ledger, job, self._owner)

"""The thread of a worker that cleans up: on a schedule where it is switched on, and sign-ins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from asyncevents_core.engine.delivering.operational import Operations
from asyncevents_core.engine.shared.progress import Progress
from asyncevents_core.engine.upkeep.callbacks import end_expired_if_due
from asyncevents_core.engine.upkeep.cleanup import clean_up_if_due
from asyncevents_core.engine.upkeep.lateness import tell_if_late
from asyncevents_core.engine.upkeep.sign_ins import forget_old_sign_ins_if_due
from asyncevents_core.errors import LedgerError
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.ledger.tasks import Cleaned
from asyncevents_core.ports.observer import Observers
from asyncevents_core.settings.run_time import RunTimeValues

logger = logging.getLogger("asyncevents.worker.janitor")

_LOOK_EVERY: Final = 30.0
_LAST_STEP: Final = 5.0
"""Seconds for the step that is under way when the worker stops."""


class Janitor:
    """Looks every half minute whether the clean-up is due and nobody else runs it.

    It tells of what is late to those who subscribe to that; `source` is the CloudEvents source.
    What signing in leaves is deleted whether the clean-up is enabled or not: sessions are over
    that nobody used for `idle` seconds. So are the subscriptions of agents that nobody renewed.

    `enabled` and `days` are what the settings say; what is set at run time wins. `indexed` says
    whether an index has to drop what is deleted.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        enabled: bool,
        days: float,
        indexed: bool,
        idle: float,
        source: str,
        next_run: Callable[[int], int],
        observers: Observers,
    ) -> None:
        self._operations = Operations(source)
        self._ledger = ledger
        self._enabled = enabled
        self._run_time = RunTimeValues()
        self._days = days
        self._indexed = indexed
        self._idle = idle
        self._next_run = next_run
        self._observers = observers
        self.progress = Progress("the janitor")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the step under way. Waits for the thread, unless it hangs."""
        self._stop.set()
        self._thread.join(_LAST_STEP)

    def _run(self) -> None:
        self.progress.begin()
        while True:
            try:
                done = self._look()
            except LedgerError as error:
                logger.warning("the clean-up is put off", extra={"error": str(error)})
            except Exception:
                logger.exception("the clean-up failed")
            else:
                if done is not None:
                    logger.info("cleaned up", extra={"events": done.events, "rows": done.rows})
            if self._wait(_LOOK_EVERY):
                self.progress.end()
                return

    def _look(self) -> Cleaned | None:
        tell_if_late(self._ledger, self._operations)
        forget_old_sign_ins_if_due(self._ledger, idle=self._idle)
        ended = end_expired_if_due(self._ledger, observers=self._observers)
        if ended:
            logger.info("subscriptions of agents have ended", extra={"subscriptions": ended})
        run_time = self._run_time
        run_time.refresh(self._ledger)
        if not run_time.switch("LOG_CLEANUP_ENABLED", self._enabled):
            return None
        return clean_up_if_due(
            self._ledger,
            days=run_time.number("LOG_LIFETIME_DAYS", self._days),
            indexed=self._indexed,
            next_run=self._next_run,
            go_on=lambda: not self._stop.is_set(),
            rest=self._wait,
        )

    def _wait(self, pause: float) -> bool:
        """Wait for so long; return whether to stop."""
        self.progress.rest()
        stop = self._stop.wait(pause)
        self.progress.step()
        return stop

"""The thread that tells the retry manager: one that hangs holds up neither outcomes nor beats."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.engine.shared.progress import Progress
from asyncevents_core.errors import BrokerError
from asyncevents_core.ports.retry import RetryManager, ScheduledRetry

logger = logging.getLogger("asyncevents.worker.retries")

_MOST_MESSAGES: Final = 100
"""Messages that wait; more are dropped."""


@frozen(kw_only=True)
class _Message:
    """The retries and dead letters of one transaction."""

    retries: Sequence[ScheduledRetry] = ()
    dead: Sequence[UUID] = ()


class RetryTeller:
    """Passes on retries and dead letters, best effort: the ledger knows them. Thread-safe."""

    def __init__(self, retries: RetryManager) -> None:
        self._retries = retries
        self.progress = Progress("the thread that tells the retry manager")
        self._messages: queue.Queue[_Message | None] = queue.Queue(_MOST_MESSAGES)
        self._silent = False
        self._full = False
        self._thread = threading.Thread(target=self._run, name="retry-teller", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def schedule(self, retries: Sequence[ScheduledRetry]) -> None:
        """Tell of retries, soon. Never blocks."""
        self._put(_Message(retries=retries))

    def bury(self, delivery_ids: Sequence[UUID]) -> None:
        """Tell of dead letters, soon. Never blocks."""
        self._put(_Message(dead=delivery_ids))

    def stop(self, timeout: float) -> None:
        """Tell what waits, within `timeout` seconds; what is left then is dropped."""
        with suppress(queue.Full):
            self._messages.put(None, timeout=timeout)
        self._thread.join(timeout)
        if self._thread.is_alive():
            logger.warning(
                "the retry manager hangs; the ledger's due times serve retries",
                extra={"messages": self._messages.qsize()},
            )

    def _put(self, message: _Message) -> None:
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            if not self._full:
                logger.warning("the retry manager hangs; the ledger's due times serve retries")
            self._full = True
        else:
            self._full = False

    def _run(self) -> None:
        self.progress.begin()
        self.progress.rest()
        while (message := self._messages.get()) is not None:
            self.progress.step()
            self._tell(message)
            self.progress.rest()

    def _tell(self, message: _Message) -> None:
        try:
            if message.retries:
                self._retries.schedule(message.retries)
            if message.dead:
                self._retries.bury(message.dead)
        except BrokerError as error:
            if not self._silent:
                logger.warning(
                    "the retry manager does not answer; the ledger's due times serve retries",
                    extra={"error": str(error)},
                )
            self._silent = True
        except Exception:
            logger.exception("the retry manager failed; the ledger's due times serve retries")
        else:
            self._silent = False

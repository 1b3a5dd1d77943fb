"""What a server process answers to those who ask whether it lives, and whether it is ready."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import Final

from asyncevents_core.errors import LedgerError
from asyncevents_core.health_endpoint import Probe
from asyncevents_core.ports.ledger import Ledger

logger = logging.getLogger("asyncevents.health")

_PATIENCE: Final = 0.8
"""Seconds for the ledger to answer: probes of Kubernetes wait for one."""
_STANDS_STILL: Final = 10.0


class ServerProbe(Probe):
    """Lives while its event loop goes on (`step`), is ready while the ledger answers."""

    role = "server"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._asked: Future[str | None] | None = None
        self._stepped_at: float | None = None

    def step(self) -> None:
        """The event loop goes on."""
        self._stepped_at = time.monotonic()

    def not_live(self) -> str | None:
        if self._stepped_at is None:
            return None
        silent = time.monotonic() - self._stepped_at
        return f"the event loop stands still for {silent:.0f} s" if silent > _STANDS_STILL else None

    def not_ready(self) -> str | None:
        if (wrong := self.not_live()) is not None:
            return wrong
        with self._lock:
            # One question at a time: with a ledger that is silent they would pile up.
            asked = self._asked
            if asked is None or asked.done():
                asked = self._asked = Future()
                threading.Thread(target=self._ask, args=(asked,), daemon=True).start()
        try:
            return asked.result(_PATIENCE)
        except TimeoutError:
            return f"the ledger does not answer within {_PATIENCE} s"

    def _ask(self, asked: Future[str | None]) -> None:
        try:
            self._ledger.check()
        except LedgerError as error:
            asked.set_result(f"the ledger: {error}")
        except BaseException as error:
            logger.exception("whether the ledger answers cannot be told")
            asked.set_result(f"the ledger: {error!r}")
        else:
            asked.set_result(None)

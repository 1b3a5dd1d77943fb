"""What a worker process answers to those who ask whether it lives, and whether it is ready."""

from __future__ import annotations

from typing import Final

from asyncevents_core.health_endpoint import Probe
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.vitals import Vitals

_STARTS: Final = "it starts"
_ENDS: Final = "it ends"


class WorkerProbe(Probe):
    """Says "it starts" until `begun`, and "it ends" from `ending` on. Never blocks."""

    role = "worker"

    def __init__(self) -> None:
        self._vitals: Vitals | None = None
        self._ledger: LedgerHealth | None = None
        self._state: str | None = _STARTS

    def begun(self, vitals: Vitals, ledger: LedgerHealth) -> None:
        """The worker claims from now on."""
        self._vitals, self._ledger, self._state = vitals, ledger, None

    def ending(self) -> None:
        """The worker claims nothing more."""
        self._state = _ENDS

    def not_live(self) -> str | None:
        vitals = self._vitals
        if vitals is None or not vitals.stalled:
            return None
        return vitals.trouble or "it stands still"

    def not_ready(self) -> str | None:
        if self._state is not None:
            return self._state
        if self._ledger is not None and self._ledger.down:
            return "the ledger does not answer"
        return self.not_live()

"""Tasks of which one process at a time has the right, for a while: a lease in the ledger."""

from __future__ import annotations

from asyncevents_core.engine.policy import micros
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction


class TaskLease:
    """The right to do a task for `seconds`; kept before each step. Belongs to one thread.

    A process that vanishes loses it when they are over.
    """

    def __init__(self, ledger: Ledger, name: str, *, seconds: float) -> None:
        self._ledger = ledger
        self._name = name
        self._seconds = seconds
        self._held: int | None = None

    def keep(self) -> bool:
        """Take the lease, or renew it; False if another process has it. Raises `LedgerError`."""

        def work(tx: LedgerTransaction) -> int | None:
            now = tx.now()
            until = now + micros(self._seconds)
            held = self._held
            if held is not None and tx.keep_task(self._name, held=held, until=until):
                return until
            return until if tx.take_task(self._name, first=now, until=until) else None

        self._held = self._ledger.run(work)
        return self._held is not None

    def give_up(self) -> None:
        """Let another process have it at once. Raises `LedgerError`."""
        held, self._held = self._held, None
        if held is not None:
            self._ledger.run(lambda tx: tx.keep_task(self._name, held=held, until=tx.now()))

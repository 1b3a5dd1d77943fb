"""Tasks of which one process at a time has the right, for a while: a lease in the ledger."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from asyncevents_core.domain.instant import micros
from asyncevents_core.errors import LedgerError
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

logger = logging.getLogger("asyncevents.lease")


class TaskLease:
    """The right to do a task for `seconds`. Thread-safe.

    A process that vanishes loses it when they are over.
    """

    def __init__(self, ledger: Ledger, name: str, *, seconds: float) -> None:
        self._ledger = ledger
        self._name = name
        self._seconds = seconds
        self._held: int | None = None
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """For how long it is taken each time."""
        return self._seconds

    def keep(self) -> bool:
        """Take the lease, or renew it; False if another process has it. Raises `LedgerError`."""

        def work(tx: LedgerTransaction) -> int | None:
            now = tx.now()
            until = now + micros(self._seconds)
            held = self._held
            if held is not None and tx.tasks.keep(self._name, held=held, until=until):
                return until
            return until if tx.tasks.take(self._name, first=now, until=until) else None

        with self._lock:
            self._held = self._ledger.run(work)
            return self._held is not None

    def give_up(self) -> None:
        """Let another process have it at once. Raises `LedgerError`."""
        with self._lock:
            held, self._held = self._held, None
            if held is not None:
                self._ledger.run(lambda tx: tx.tasks.keep(self._name, held=held, until=tx.now()))


class Kept:
    """Renews leases from `start` to `stop`, however long steps take; then gives them up.

    They were taken before. `lost` says whether another process has one of them. A context manager.
    """

    def __init__(self, *leases: TaskLease) -> None:
        self._leases = leases
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    @property
    def lost(self) -> bool:
        """Whether the task may be another process's by now."""
        return self._lost.is_set()

    def start(self) -> None:
        """Start the thread that renews them."""
        self._thread.start()

    def stop(self) -> None:
        """Give them up. Raises `LedgerError`."""
        self._stop.set()
        self._thread.join()
        for lease in self._leases:
            lease.give_up()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        pause = min(lease.seconds for lease in self._leases) / 3
        while not self._stop.wait(pause):
            try:
                renewed = [lease.keep() for lease in self._leases]
                if not all(renewed):
                    self._lost.set()
                    return
            except LedgerError as error:
                logger.warning("a lease cannot be renewed", extra={"error": str(error)})

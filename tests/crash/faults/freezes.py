"""SIGSTOP, and SIGCONT after a while: suspended machines, debuggers, containers that are paused."""

from __future__ import annotations

from tests.crash.fault import Fault
from tests.crash.faults.kills import FOR_A_HEALTHY_ONE
from tests.crash.faults.servers import OfBroker, OfDatabase, OfServer
from tests.crash.processes import one_of, wait_until_frozen
from tests.crash.world import World, freeze_path

_FOR_A_TRANSACTION = 5.0
"""Seconds until a worker has something to commit."""


class WorkerFrozen(Fault):
    name = "a worker is frozen"
    family = "freeze"
    spares = True
    lasts = (1.0, 25.0)

    @classmethod
    def applies(cls, world: World) -> bool:
        return True

    def prepare(self) -> bool:
        worker = one_of(self.world.workers, self.dice, FOR_A_HEALTHY_ONE)
        if worker is not None:
            self._worker = worker
        return worker is not None

    def inject(self) -> None:
        self._worker.freeze()

    def heal(self) -> None:
        self._worker.thaw()


class WorkerFrozenInTransaction(WorkerFrozen):
    """A fault point in the worker: it stops itself between its updates and the commit."""

    name = "a worker is frozen in a transaction"

    @classmethod
    def applies(cls, world: World) -> bool:
        # A file is locked as a whole, and nobody can end the transaction of a frozen process.
        return world.ledger is not None

    def prepare(self) -> bool:
        if not super().prepare():
            return False
        freeze_path(self._worker).touch()
        frozen = wait_until_frozen(self._worker, _FOR_A_TRANSACTION)
        freeze_path(self._worker).unlink(missing_ok=True)
        return frozen

    def inject(self) -> None:
        """It has frozen itself."""


class WriterFrozen(WorkerFrozenInTransaction):
    """The same on SQLite, where nobody else can write meanwhile."""

    name = "a worker is frozen while it has SQLite's lock"
    spares = False

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.ledger is None


class PublisherFrozen(Fault):
    name = "the publisher is frozen"
    family = "freeze"
    # SQLite: it may have the lock.
    spares = True
    lasts = (1.0, 25.0)

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.ledger is not None

    def inject(self) -> None:
        self.world.publisher.freeze()

    def heal(self) -> None:
        self.world.publisher.thaw()


class _ServerFrozen(OfServer):
    family = "freeze"
    lasts = (1.0, 25.0)

    def inject(self) -> None:
        self.server.pause()

    def heal(self) -> None:
        self.server.resume()


class BrokerFrozen(_ServerFrozen, OfBroker):
    name = "the broker is frozen"


class DatabaseFrozen(_ServerFrozen, OfDatabase):
    name = "the database is frozen"

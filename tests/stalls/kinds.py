"""All kinds of stalls, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.crash.faults.brokers import BrokerPaused, MemoryAlarm, QueueDeleted
from tests.crash.faults.databases import (
    ConnectionsExhausted,
    DatabasePromoted,
    DatabaseReadOnly,
    DiskFull,
    LocksHeld,
)
from tests.crash.faults.freezes import (
    BrokerFrozen,
    DatabaseFrozen,
    WorkerFrozen,
    WorkerFrozenInTransaction,
    WriterFrozen,
)
from tests.crash.faults.network import (
    BrokerCut,
    BrokerSilent,
    DatabaseCut,
    DatabaseHalfOpen,
    DatabaseSilent,
    OneWorkerCutOff,
)
from tests.stalls.faulty import (
    DeadlyService,
    IndexHangs,
    LoopBlocked,
    SinkNeverReturns,
    SlowBurst,
    SupervisorFrozen,
    SupervisorKilled,
)
from tests.stalls.stall import FaultStall, Stall

_REDIS: Final = {"broker": "Redis", "ledger": "MariaDB"}
_SQL: Final = {"broker": "SQL", "ledger": "SQLite"}


def _fault(name: str, *arguments: object, **where: object) -> Callable[[], Stall]:
    return lambda: FaultStall(name, *arguments, **where)  # type: ignore[arg-type]


KINDS: Final[tuple[Callable[[], Stall], ...]] = (
    _fault("a worker is frozen in a transaction", WorkerFrozenInTransaction, workers=2),
    _fault("a worker is frozen in a transaction", WorkerFrozenInTransaction, workers=2, **_REDIS),
    _fault("a worker is frozen while it has SQLite's lock", WriterFrozen, workers=2, **_SQL),
    _fault("a worker is frozen between transactions", WorkerFrozen, workers=2),
    _fault("the database is silent for one of two workers", OneWorkerCutOff, workers=2),
    _fault("the database is silent", DatabaseSilent),
    _fault("the database is silent", DatabaseSilent, **_REDIS),
    _fault("the database is frozen", DatabaseFrozen),
    _fault("the database is heard, and does not hear", DatabaseHalfOpen),
    _fault("connections to the database are cut, without FIN or RST", DatabaseCut),
    _fault("connections to the database are cut, without FIN or RST", DatabaseCut, **_REDIS),
    _fault("another database is promoted, sessions stay on the old one", DatabasePromoted),
    _fault("the database only reads", DatabaseReadOnly),
    _fault("the database only reads", DatabaseReadOnly, **_REDIS),
    _fault("the disk of the database is full", DiskFull),
    _fault("the disk of the database is full", DiskFull, **_SQL),
    _fault("a stranger holds locks in an idle transaction", LocksHeld),
    _fault("a stranger holds locks in an idle transaction", LocksHeld, **_SQL),
    _fault("all connections to the database are taken", ConnectionsExhausted),
    _fault("the broker is silent", BrokerSilent),
    _fault("the broker is silent", BrokerSilent, **_REDIS),
    _fault("the broker is frozen", BrokerFrozen),
    _fault("connections to the broker are cut, without FIN or RST", BrokerCut),
    _fault("connections to the broker are cut, without FIN or RST", BrokerCut, **_REDIS),
    _fault("the broker's memory alarm", MemoryAlarm),
    _fault("the broker has no memory left", MemoryAlarm, **_REDIS),
    _fault("the broker is paused", BrokerPaused, **_REDIS),
    _fault("the queue is deleted", QueueDeleted),
    LoopBlocked,
    SinkNeverReturns,
    SlowBurst,
    DeadlyService,
    SupervisorKilled,
    SupervisorFrozen,
    IndexHangs,
)

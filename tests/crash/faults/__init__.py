"""The kinds of faults, a module for each family."""

from __future__ import annotations

from typing import Final

from tests.crash.fault import Fault
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
    PublisherFrozen,
    WorkerFrozen,
    WorkerFrozenInTransaction,
    WriterFrozen,
)
from tests.crash.faults.kills import (
    BrokerKilled,
    DatabaseKilled,
    PublisherKilled,
    WorkerKilled,
)
from tests.crash.faults.network import (
    BrokerCut,
    BrokerHalfOpen,
    BrokerReset,
    BrokerSilent,
    DatabaseCut,
    DatabaseHalfOpen,
    DatabaseReset,
    DatabaseSilent,
    OneWorkerCutOff,
)

KILLS: Final[tuple[type[Fault], ...]] = (
    WorkerKilled,
    PublisherKilled,
    BrokerKilled,
    DatabaseKilled,
)
FREEZES: Final[tuple[type[Fault], ...]] = (
    WorkerFrozen,
    WorkerFrozenInTransaction,
    WriterFrozen,
    PublisherFrozen,
    BrokerFrozen,
    DatabaseFrozen,
)
OTHERS: Final[tuple[type[Fault], ...]] = (
    OneWorkerCutOff,
    DatabaseSilent,
    DatabaseHalfOpen,
    DatabaseCut,
    DatabaseReset,
    BrokerSilent,
    BrokerHalfOpen,
    BrokerCut,
    BrokerReset,
    DatabaseReadOnly,
    DatabasePromoted,
    DiskFull,
    ConnectionsExhausted,
    LocksHeld,
    MemoryAlarm,
    BrokerPaused,
    QueueDeleted,
)

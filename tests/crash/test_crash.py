"""The crash suite: whatever befalls it when, what `publish()` accepted is delivered or dead.

A short form runs with all tests. `make test-crash` runs every pair of broker and ledger with more
faults, keeps a report of each pair in `build/crash`, and makes the table `build/crash-suite.md` of
those that are there: `ARGS="-k RabbitMQ-PostgreSQL"` runs one pair again. ASYNCEVENTS_CRASH_SEED
gives a seed that was printed: the same faults in the same order, for as long.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.conftest import skip_unless_present
from tests.crash.faults import FREEZES, KILLS, OTHERS
from tests.crash.faults.databases import DatabaseReadOnly, LocksHeld
from tests.crash.faults.freezes import WorkerFrozen, WorkerFrozenInTransaction, WriterFrozen
from tests.crash.faults.network import BrokerCut
from tests.crash.run import CrashRun, Plan
from tests.crash.servers import KINDS
from tests.crash.table import store, stored, tables
from tests.crash.world import open_world

FULL = os.environ.get("ASYNCEVENTS_CRASH_FULL") == "1"
MAIN = [("RabbitMQ", "PostgreSQL"), ("Redis", "MariaDB"), ("SQL", "SQLite")]
"""Those that suffer every kind of fault; the others are killed and frozen."""
FURTHER = [
    (broker, ledger)
    for broker in ("RabbitMQ", "Redis", "SQL")
    for ledger in ("SQLite", "PostgreSQL", "MariaDB")
    if (broker, ledger) not in MAIN
]
WANTED = [*MAIN, *FURTHER] if FULL else MAIN
PAUSE = 0.4 if FULL else 0.2
"""Seconds between the publisher's batches: the pairs of the long form run side by side."""
BUILD = Path(__file__).parents[2] / "build"

SHORT = Plan(
    kinds={
        **dict.fromkeys(KILLS, 1),
        WorkerFrozen: 1,
        WorkerFrozenInTransaction: 1,
        WriterFrozen: 1,
        BrokerCut: 1,
        DatabaseReadOnly: 1,
        LocksHeld: 1,
    },
    longest=2.5,
)
"""What takes long to recover from is left to the long form: connections that are cut, say."""


def plan_of(pair: tuple[str, str]) -> Plan:
    if not FULL:
        return SHORT
    # SQLite and the SQL broker have no servers: what is there, is hit more often.
    servers = sum(name in KINDS for name in pair)
    kills, freezes = {0: (18, 10), 1: (13, 7), 2: (10, 5)}[servers]
    kinds = {**dict.fromkeys(KILLS, kills), **dict.fromkeys(FREEZES, freezes)}
    if pair in MAIN:
        kinds |= dict.fromkeys(OTHERS, 2)
    return Plan(kinds=kinds)


@pytest.mark.parametrize(("broker", "ledger"), WANTED, ids=["-".join(pair) for pair in WANTED])
def test_nothing_is_lost(broker, ledger, tmp_path):
    for name in (broker, ledger):
        if name in KINDS:
            skip_unless_present(KINDS[name].needs)
    seed = int(os.environ.get("ASYNCEVENTS_CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"{broker} × {ledger}: ASYNCEVENTS_CRASH_SEED={seed}")
    with open_world(broker, ledger, folder=tmp_path, pause=PAUSE) as world:
        plan = plan_of((broker, ledger))
        run = CrashRun(world=world, pair=f"{broker} × {ledger}", plan=plan, seed=seed)
        report = run.run()
    print(report)
    if FULL:
        store(report, BUILD / "crash")
        (BUILD / "crash-suite.md").write_text(tables(stored(BUILD / "crash")) + "\n")
    assert report.times("kill", "freeze", "network", "state") >= 3
    assert report.counts.events >= 100
    assert report.counts.lost == 0
    assert report.counts.misindexed == 0
    assert report.counts.unrecorded == 0
    assert report.counts.duplicates <= report.counts.promised

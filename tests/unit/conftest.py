"""The state machine's tests run on the ledger in memory and on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.clock import ManualClock
from asyncevents_core.testing.ledger import MemoryLedger
from tests.unit.harness import Harness


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger(clock=clock)
        return
    cipher = Cipher([Fernet.generate_key().decode()])
    made = SqlLedger(f"sqlite:///{tmp_path}/l.db", cipher=cipher, clock_offset=clock.offset)
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def harness(ledger: Ledger, clock: ManualClock) -> Harness:
    return Harness(ledger=ledger, clock=clock)

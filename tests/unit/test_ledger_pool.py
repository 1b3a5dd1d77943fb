"""What the ledger on SQLAlchemy does when connections are short."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.errors import LedgerUnavailable


@pytest.fixture
def ledger(tmp_path):
    made = SqlLedger(f"sqlite:///{tmp_path}/l.db", cipher=Cipher([]))
    made.upgrade()
    yield made
    made.close()


def test_without_a_free_connection_the_ledger_is_not_available(ledger, monkeypatch):
    pool = ledger._engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.0)
    with ExitStack() as taken:
        for _ in range(pool.size() + pool._max_overflow):
            taken.enter_context(ledger._engine.connect())
        for use in (ledger.read, ledger.run):
            with pytest.raises(LedgerUnavailable, match=r"l\.db: no connection became free"):
                use(lambda it: it.now())
    assert ledger.read(lambda view: view.now())

"""Every ledger passes one suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing import ManualClock, MemoryLedger
from asyncevents_core.testing.conformance import LedgerConformance
from asyncevents_core.testing.conformance.ledger import CallersTransaction

if TYPE_CHECKING:
    from tests.services.servers import Database


def wiped(server: Database) -> str:
    server.wipe()
    return server.database


class TestMemoryLedger(LedgerConformance):
    @pytest.fixture
    def ledger(self, clock: ManualClock) -> MemoryLedger:
        return MemoryLedger(clock=clock)

    @pytest.fixture
    def begin(self, ledger: MemoryLedger) -> Callable[[], CallersTransaction]:
        class Transaction:
            def __init__(self) -> None:
                self.handle = self._own = ledger.begin()

            def savepoint(self) -> AbstractContextManager[object]:
                return self._own.savepoint()

            def commit(self) -> None:
                self._own.commit()

            def rollback(self) -> None:
                self._own.rollback()

        return Transaction

    @pytest.fixture
    def index_queue(self, ledger: MemoryLedger) -> Callable[[], Mapping[int, int]]:
        return ledger.index_queue


class SqlLedgerConformance(LedgerConformance):
    """Override the fixture `url`: an empty database."""

    @pytest.fixture
    def ledger(self, url: str, clock: ManualClock) -> Iterator[Ledger]:
        cipher = Cipher([Fernet.generate_key().decode()])
        ledger = SqlLedger(url, cipher=cipher, clock_offset=clock.offset)
        ledger.upgrade()
        yield ledger
        ledger.close()

    @pytest.fixture
    def engine(self, url: str) -> Iterator[sa.Engine]:
        engine = sa.create_engine(url)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
            sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        yield engine
        engine.dispose()

    @pytest.fixture
    def begin(
        self, ledger: Ledger, engine: sa.Engine
    ) -> Iterator[Callable[[], CallersTransaction]]:
        opened: list[sa.Connection] = []

        class Transaction:
            def __init__(self) -> None:
                self.handle = self._own = engine.connect()
                opened.append(self._own)

            def savepoint(self) -> AbstractContextManager[object]:
                return self._own.begin_nested()

            def commit(self) -> None:
                self._own.commit()

            def rollback(self) -> None:
                self._own.rollback()

        yield Transaction
        for connection in opened:
            connection.close()

    @pytest.fixture
    def index_queue(self, ledger: Ledger, engine: sa.Engine) -> Callable[[], Mapping[int, int]]:
        def read() -> Mapping[int, int]:
            with engine.connect() as connection:
                found = connection.exec_driver_sql(
                    "SELECT attempt_id, version FROM asyncevents_index_queue"
                )
                return {row.attempt_id: row.version for row in found}

        return read


class TestSqliteLedger(SqlLedgerConformance):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/ledger.db"


class TestPostgreSqlLedger(SqlLedgerConformance):
    concurrent = True

    @pytest.fixture
    def url(self, start_server: Callable[[str], Database]) -> str:
        return wiped(start_server("PostgreSql"))


class TestMariaDbLedger(SqlLedgerConformance):
    concurrent = True

    @pytest.fixture
    def url(self, start_server: Callable[[str], Database]) -> str:
        return wiped(start_server("MariaDb"))

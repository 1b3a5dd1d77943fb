"""`SqlLedger`: transactions that are run again where the database asks for it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import migrating
from asyncevents_core.adapters.sqlalchemy.dialects import (
    SqlDialect,
    is_missing_table,
    is_worth_a_rerun,
    masked,
    open_engine,
)
from asyncevents_core.adapters.sqlalchemy.joined import Outbox
from asyncevents_core.adapters.sqlalchemy.metering import Reruns, RowCounter
from asyncevents_core.adapters.sqlalchemy.queries import SqlQueries
from asyncevents_core.adapters.sqlalchemy.transaction import SqlTransaction, SqlWriter
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.errors import LedgerError, LedgerNotMigrated, LedgerUnavailable
from asyncevents_core.ports.ledger import (
    JoinedTransaction,
    Ledger,
    LedgerTransaction,
)
from asyncevents_core.ports.observer import NOBODY, LedgerUsed, Observers
from asyncevents_core.ports.queries import LedgerQueries

logger = logging.getLogger("asyncevents.ledger")
T = TypeVar("T")

_MOST_RUNS: Final = 8
_LONGEST_PAUSE: Final = 0.5


class SqlLedger(Ledger):
    """The ledger at `url`. `clock_offset` returns microseconds to add to its clock, for tests.

    `observers` are told of each transaction.
    """

    def __init__(
        self,
        url: str,
        *,
        cipher: Cipher,
        clock_offset: Callable[[], int] = lambda: 0,
        observers: Observers = NOBODY,
    ) -> None:
        self._url = url
        self._engine: Engine = open_engine(url)
        self._dialect = SqlDialect(self._engine.dialect.name)
        self._cipher = cipher
        self._offset = clock_offset
        self._outbox = Outbox(self._dialect, clock_offset)
        self._reader = self._engine.execution_options(asyncevents_read=True)
        self._autocommit: Engine | None = None
        if self._dialect.name == "postgresql":
            # One statement is a transaction by itself: one round trip instead of three. An engine
            # of its own, since a connection that changes its mode each time saves nothing.
            self._autocommit = open_engine(url, isolation_level="AUTOCOMMIT")
        self._observers = observers
        self._counter = RowCounter()
        if observers.any:
            self._counter.count_on(self._engines)

    def __repr__(self) -> str:
        return f"SqlLedger({masked(self._url)!r})"

    def run(self, work: Callable[[LedgerTransaction], T]) -> T:
        def once() -> T:
            with self._engine.begin() as connection:
                return work(SqlTransaction(connection, self._dialect, self._offset, self._cipher))

        return self._insist(once)

    def publish(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        if self._autocommit is None:
            super().publish(events, due_in=due_in)
            return
        engine = self._autocommit

        def once() -> None:
            with engine.connect() as connection:
                SqlWriter(connection, self._dialect, self._offset).insert_events(
                    events, due_in=due_in
                )

        self._insist(once)

    def read(self, query: Callable[[LedgerQueries], T]) -> T:
        def once() -> T:
            with self._reader.begin() as connection:
                return query(SqlQueries(connection, self._dialect, self._cipher, self._offset))

        return self._insist(once, reads_only=True)

    def join(self, transaction: object) -> JoinedTransaction:
        return self._outbox.join(transaction)

    def check(self) -> Sequence[str]:
        def once() -> list[str]:
            with self._reader.begin() as connection:
                current = migrating.revision(connection)
                if current != migrating.REVISION:
                    raise LedgerNotMigrated(
                        f"the ledger's schema is {current or 'missing'}, this version needs "
                        f"{migrating.REVISION}: `asyncevents db upgrade`"
                    )
                return _durability(connection, self._dialect)

        return self._insist(once)

    def describe(self) -> str:
        return f"{masked(self._url)}, schema {migrating.REVISION}"

    def upgrade(self) -> str:
        def once() -> str:
            with self._engine.begin() as connection:
                return migrating.upgrade(connection, self._dialect)

        return self._insist(once)

    def after_fork(self) -> None:
        for engine in self._engines:
            engine.dispose(close=False)

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()

    @property
    def _engines(self) -> list[Engine]:
        return [one for one in (self._engine, self._autocommit) if one is not None]

    def _insist(self, once: Callable[[], T], *, reads_only: bool = False) -> T:
        """Run a transaction again while that is worth it, and name what is wrong otherwise."""
        if not self._observers.any:
            return self._rerun(once, Reruns())
        reruns, begun, done = Reruns(), time.monotonic(), False
        self._counter.reset()
        try:
            result = self._rerun(once, reruns)
            done = True
            return result
        finally:
            self._observers.tell(
                LedgerUsed(
                    seconds=time.monotonic() - begun,
                    rows=self._counter.rows,
                    reruns=reruns.number,
                    reads_only=reads_only,
                    failed=not done,
                )
            )

    def _rerun(self, once: Callable[[], T], reruns: Reruns) -> T:
        for number in range(1, _MOST_RUNS + 1):
            reruns.number = number - 1
            try:
                return once()
            except PoolTimeout as error:
                raise LedgerUnavailable(
                    f"{masked(self._url)}: no connection became free: {error}"
                ) from error
            except DBAPIError as error:
                if error.orig is not None and is_missing_table(error.orig):
                    raise LedgerNotMigrated(
                        f"{masked(self._url)} has no ledger tables of this version: "
                        "`asyncevents db upgrade`"
                    ) from error
                if isinstance(error, DataError | IntegrityError) and not is_worth_a_rerun(error):
                    # It answers, and will give the same answer again.
                    raise LedgerError(
                        f"{masked(self._url)} refuses what is to be written: {error.orig}"
                    ) from error
                if not is_worth_a_rerun(error):
                    raise LedgerUnavailable(f"{masked(self._url)}: {error.orig}") from error
                # A lost connection gets one new try; a second failure means the server is away.
                lost = error.connection_invalidated
                if number == _MOST_RUNS or (lost and number > 1):
                    raise LedgerUnavailable(f"{masked(self._url)}: {error.orig}") from error
                logger.debug("transaction is run again", extra={"error": str(error.orig)})
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.01 * 2**number)))  # noqa: S311
        raise AssertionError("the loop above returns or raises")


def _durability(connection: Connection, dialect: SqlDialect) -> list[str]:
    """Return a warning for each setting with which a committed event could be lost."""

    def setting(sql: str) -> str:
        return str(connection.execute(text(sql)).scalar()).lower()

    warnings = []
    if dialect.is_sqlite:
        if setting("PRAGMA synchronous") not in {"2", "3"}:
            warnings.append("SQLite: synchronous is below FULL; a power cut can lose events")
        if setting("PRAGMA journal_mode") != "wal":
            warnings.append("SQLite: journal_mode is not WAL; is the file on a network drive?")
    elif dialect.name == "postgresql":
        if setting("SHOW fsync") == "off":
            warnings.append("PostgreSQL: fsync is off; a crash of the machine can lose events")
        if setting("SHOW synchronous_commit") in {"off", "false"}:
            warnings.append("PostgreSQL: synchronous_commit is off; a crash can lose events")
    elif setting("SELECT @@innodb_flush_log_at_trx_commit") != "1":
        warnings.append("InnoDB: innodb_flush_log_at_trx_commit is not 1; a crash can lose events")
    return warnings

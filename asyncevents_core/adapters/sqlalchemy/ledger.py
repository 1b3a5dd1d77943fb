"""`SqlLedger`: transactions that are run again where the database asks for it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import define, evolve
from sqlalchemy import Connection, Engine
from sqlalchemy import event as listen
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import migrating
from asyncevents_core.adapters.sqlalchemy.arrivals import FileArrivals
from asyncevents_core.adapters.sqlalchemy.connecting import Given, unnamed
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect, durability_warnings
from asyncevents_core.adapters.sqlalchemy.events import SqlEventWriter
from asyncevents_core.adapters.sqlalchemy.failures import (
    advice,
    is_forbidden,
    is_lock_timeout,
    is_lost,
    is_missing_table,
    is_statement_timeout,
    is_worth_a_rerun,
)
from asyncevents_core.adapters.sqlalchemy.sessions import SessionLimits, open_engine, session_of
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.adapters.sqlalchemy.transactions import SqlTransaction, SqlView
from asyncevents_core.domain.addresses import masked
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.errors import (
    BrokerUnavailable,
    LedgerError,
    LedgerForbidden,
    LedgerNotMigrated,
    LedgerUnavailable,
)
from asyncevents_core.ports.broker import Consumer
from asyncevents_core.ports.ledger import (
    JoinedTransaction,
    Ledger,
    LedgerTransaction,
    LedgerView,
)
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.ports.observer import NOBODY, LedgerUsed, Observers

if TYPE_CHECKING:
    from asyncevents_core.adapters.sqlalchemy.joined import Outbox

logger = logging.getLogger("asyncevents.ledger")
T = TypeVar("T")

_DEFAULTS: Final = LedgerOptions()
_MOST_RUNS: Final = 8
_LONGEST_PAUSE: Final = 0.5
_UNLUCKY: Final = 4
"""How often somebody may wait in vain for SQLite's lock until that is worth a word."""


def as_it_is() -> int:
    """Return the offset of the database's clock outside of tests: none."""
    return 0


class SqlLedger(Ledger):
    """The ledger at `url`; `options` limit how long its connections may take.

    `clock_offset` returns microseconds to add to its clock, for tests. `observers` are told of
    each transaction. `schema` is that of PostgreSQL in which the tables are; None: the first one of
    search_path. `name` returns that of a new connection, for operators.
    """

    def __init__(
        self,
        url: str,
        *,
        cipher: Cipher,
        options: LedgerOptions = _DEFAULTS,
        clock_offset: Callable[[], int] = as_it_is,
        observers: Observers = NOBODY,
        schema: str | None = None,
        name: Callable[[], str] = unnamed,
    ) -> None:
        self._url = url
        self._options = options
        given = Given.by(options, name)
        self._given = given
        limits = SessionLimits(
            lock=options.lock_timeout,
            statement=options.statement_timeout,
            idle=options.idle_timeout,
        )
        self._engine: Engine = open_engine(url, options, limits, given=given)
        # Connections of its own, whose sessions have another limit.
        self._patient = open_engine(
            url, options, evolve(limits, statement=options.cleanup_statement_timeout), given=given
        )
        self._dialect = SqlDialect(self._engine.dialect.name, schema)
        self._cipher = cipher
        self._offset = clock_offset
        self._outbox: Outbox | None = None
        self._making_outbox = threading.Lock()
        self._reader = self._engine.execution_options(asyncevents_read=True)
        self._autocommit: Engine | None = None
        if self._dialect.name == "postgresql":
            # One statement is a transaction by itself: one round trip instead of three. An engine
            # of its own, since a connection that changes its mode each time saves nothing.
            self._autocommit = open_engine(
                url, options, limits, isolation_level="AUTOCOMMIT", given=given
            )
        self._observers = observers
        self._counter = _RowCounter()
        self._revision_noticed = False
        if observers.any:
            self._counter.count_on(self._engines)

    def __repr__(self) -> str:
        return f"SqlLedger({masked(self._url)!r})"

    def run(self, work: Callable[[LedgerTransaction], T], *, patient: bool = False) -> T:
        engine = self._patient if patient else self._engine
        return self._insist(partial(self._run_once, work, engine))

    def _run_once(self, work: Callable[[LedgerTransaction], T], engine: Engine) -> T:
        with engine.begin() as connection:
            return work(SqlTransaction(self._statements(connection)))

    def rehearse(self, work: Callable[[LedgerTransaction], T]) -> T:
        return self._insist(partial(self._rehearse_once, work), most_runs=1)

    def _rehearse_once(self, work: Callable[[LedgerTransaction], T]) -> T:
        with self._engine.connect() as connection:
            try:
                return work(SqlTransaction(self._statements(connection)))
            finally:
                # With all that it has set in its session.
                connection.rollback()
                connection.invalidate()

    def publish(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        self._insist(partial(self._publish_once, events, due_in))
        self._notice_revision()

    def _publish_once(self, events: Sequence[NewEvent], due_in: float) -> None:
        try:
            with self._to_publish() as connection:
                SqlEventWriter(self._statements(connection)).insert_new(events, due_in=due_in)
        except IntegrityError:
            # They are there, as after a commit whose answer was lost. Else it fails again.
            with self._to_publish() as connection:
                SqlEventWriter(self._statements(connection)).insert(events, due_in=due_in)

    def _to_publish(self) -> AbstractContextManager[Connection]:
        """Return a connection on which one statement is committed."""
        return self._engine.begin() if self._autocommit is None else self._autocommit.connect()

    def read(self, query: Callable[[LedgerView], T]) -> T:
        def once() -> T:
            with self._reader.begin() as connection:
                return query(SqlView(self._statements(connection)))

        return self._insist(once, reads_only=True)

    @property
    def tells_of_events(self) -> bool:
        return self._dialect.is_sqlite

    def arrivals(self) -> Consumer:
        if not self.tells_of_events:
            return super().arrivals()
        try:
            return FileArrivals(partial(session_of, self._reader), self._offset)
        except SQLAlchemyError as error:
            raise BrokerUnavailable(f"{masked(self._url)} cannot be watched: {error}") from error

    def join(self, transaction: object) -> JoinedTransaction:
        # In this order: to look at the schema makes SQLAlchemy look for its ORM, half of which is
        # there while another thread imports it.
        outbox = self._made_outbox()
        self._notice_revision()
        return outbox.join(transaction)

    def _made_outbox(self) -> Outbox:
        with self._making_outbox:
            if self._outbox is None:
                # Imported here: it loads SQLAlchemy's ORM, which neither workers need nor those
                # who publish without a session.
                from asyncevents_core.adapters.sqlalchemy.joined import Outbox

                self._outbox = Outbox(self._dialect, self._offset, self._cipher)
            return self._outbox

    def _notice_revision(self) -> None:
        """Say once that a newer version has made the schema, with whose rows we may not agree."""
        if self._revision_noticed:
            return
        self._revision_noticed = True
        try:
            with self._reader.begin() as connection:
                found = migrating.revision(connection, self._dialect)
        except SQLAlchemyError as error:
            logger.debug("the schema's revision cannot be read", extra={"error": str(error)})
            return
        if migrating.is_newer(found) and not migrating.serves_us(found):
            logger.warning(migrating.too_new(found))

    def check(self) -> Sequence[str]:
        def once() -> list[str]:
            with self._reader.begin() as connection:
                current = migrating.revision(connection, self._dialect)
                beside = migrating.is_newer(current)
                if beside and not migrating.serves_us(current):
                    raise LedgerNotMigrated(migrating.too_new(current))
                if not beside and current != migrating.REVISION:
                    raise LedgerNotMigrated(
                        f"the ledger's schema is {current or 'missing'}, this version needs "
                        f"{migrating.REVISION}: `asyncevents db upgrade`"
                    )
                return [
                    *([migrating.beside_newer(current)] if beside else []),
                    *durability_warnings(connection, self._dialect),
                ]

        found = self._insist(once)
        self._revision_noticed = True
        return found

    def describe(self) -> str:
        place = f" in {self._dialect.schema}" if self._dialect.schema else ""
        return f"{masked(self._url)}{place}, schema {migrating.REVISION}"

    def upgrade(self) -> str:
        # A change to a large table takes as long as it takes.
        engine = open_engine(self._url, self._options, SessionLimits(), given=self._given)

        try:
            return self._insist(partial(migrating.upgrade, engine, self._dialect))
        finally:
            engine.dispose()

    def after_fork(self) -> None:
        self._making_outbox = threading.Lock()
        for engine in self._engines:
            engine.dispose(close=False)

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()

    def _statements(self, connection: Connection) -> Statements:
        return Statements(connection, self._dialect, self._offset, self._cipher)

    @property
    def _locks_are_named_after(self) -> float:
        """Seconds. SQLite has no queue: somebody may be unlucky while others come and go."""
        return self._options.lock_timeout * (_UNLUCKY if self._dialect.is_sqlite else 1)

    @property
    def _engines(self) -> list[Engine]:
        engines = (self._engine, self._patient, self._autocommit)
        return [one for one in engines if one is not None]

    def _insist(
        self, once: Callable[[], T], *, reads_only: bool = False, most_runs: int = _MOST_RUNS
    ) -> T:
        """Run a transaction again while that is worth it, and name what is wrong otherwise."""
        if not self._observers.any:
            return self._rerun(once, _Reruns(), most_runs)
        reruns, begun, done = _Reruns(), time.monotonic(), False
        self._counter.reset()
        try:
            result = self._rerun(once, reruns, most_runs)
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

    def _rerun(self, once: Callable[[], T], reruns: _Reruns, most_runs: int) -> T:
        begun, lost, named = time.monotonic(), 0, False
        for number in range(1, most_runs + 1):
            reruns.number = number - 1
            try:
                return once()
            except PoolTimeout as error:
                raise LedgerUnavailable(
                    f"{masked(self._url)}: no connection became free: {error}"
                ) from error
            except DBAPIError as error:
                # A lost connection gets one new try; a second failure means the server is away.
                lost += is_lost(error)
                again = is_worth_a_rerun(error) and lost < 2
                if number == most_runs or not again:
                    raise self._explained(error) from error
                waited = time.monotonic() - begun
                if is_lost(error) and waited >= self._options.lock_timeout:
                    logger.warning(
                        "a connection to the ledger gave no answer; trying a new one",
                        extra={"seconds": round(waited, 1), "error": str(error.orig)},
                    )
                if is_lock_timeout(error) and number > 1 and not named:
                    named = waited >= self._locks_are_named_after
                    if named:
                        logger.warning(
                            "somebody else holds locks in the ledger and does not go on",
                            extra={"seconds": round(waited, 1), "error": str(error.orig)},
                        )
                logger.debug("transaction is run again", extra={"error": str(error.orig)})
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.01 * 2**number)))  # noqa: S311
        raise AssertionError("the loop above returns or raises")

    def _explained(self, error: DBAPIError) -> LedgerError:
        """Return the error of ours that says what is wrong."""
        ledger = masked(self._url)
        if error.orig is not None and is_missing_table(error.orig):
            return LedgerNotMigrated(
                f"{ledger} has no ledger tables of this version: `asyncevents db upgrade`"
            )
        if is_worth_a_rerun(error):
            return LedgerUnavailable(f"{ledger}: {error.orig}{advice(error)}")
        if isinstance(error, DataError | IntegrityError):
            # It answers, and will give the same answer again.
            return LedgerError(f"{ledger} refuses what is to be written: {error.orig}")
        if is_statement_timeout(error):
            return LedgerUnavailable(
                f"{ledger}: a statement took longer than LEDGER_OPTIONS allow: {error.orig}"
            )
        kind = LedgerForbidden if is_forbidden(error) else LedgerUnavailable
        return kind(f"{ledger}: {error.orig}{advice(error)}")


@define
class _Reruns:
    """How often a transaction was run again so far."""

    number: int = 0


class _RowCounter(threading.local):
    """The rows that this thread's transaction wrote or read, as the driver counts them."""

    def __init__(self) -> None:
        self.rows = 0

    def reset(self) -> None:
        """Begin to count a transaction."""
        self.rows = 0

    def count_on(self, engines: Iterable[Engine]) -> None:
        """Count what is executed on these engines from now on."""

        def count(_: object, cursor: Any, *__: object) -> None:
            # -1 where the driver does not know.
            self.rows += max(0, cursor.rowcount)

        for engine in engines:
            listen.listen(engine, "after_cursor_execute", count)

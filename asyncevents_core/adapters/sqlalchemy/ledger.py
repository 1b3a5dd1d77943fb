"""`SqlLedger`: transactions that are run again where the database asks for it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, Final, TypeVar

from attrs import define
from sqlalchemy import Connection, Engine
from sqlalchemy import event as listen
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import migrating
from asyncevents_core.adapters.sqlalchemy.access import SqlAccess, SqlAccessView
from asyncevents_core.adapters.sqlalchemy.backlog import backlog
from asyncevents_core.adapters.sqlalchemy.dead_letters import SqlDeadLetters, SqlDeadLettersView
from asyncevents_core.adapters.sqlalchemy.deliveries import SqlDeliveries
from asyncevents_core.adapters.sqlalchemy.dialects import (
    SqlDialect,
    durability_warnings,
    is_missing_table,
    is_worth_a_rerun,
    masked,
    open_engine,
)
from asyncevents_core.adapters.sqlalchemy.events import SqlEvents, SqlEventsView, SqlEventWriter
from asyncevents_core.adapters.sqlalchemy.index import SqlIndexQueue, SqlIndexView
from asyncevents_core.adapters.sqlalchemy.joined import Outbox
from asyncevents_core.adapters.sqlalchemy.log import SqlLogView
from asyncevents_core.adapters.sqlalchemy.outcomes import SqlOutcomes
from asyncevents_core.adapters.sqlalchemy.replays import SqlReplays, SqlReplaysView
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.adapters.sqlalchemy.subscriptions import (
    SqlSubscriptions,
    SqlSubscriptionsView,
)
from asyncevents_core.adapters.sqlalchemy.tasks import SqlTasks, SqlTasksView
from asyncevents_core.adapters.sqlalchemy.traces import SqlTracesView
from asyncevents_core.adapters.sqlalchemy.workers import SqlWorkers, SqlWorkersView
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.errors import LedgerError, LedgerNotMigrated, LedgerUnavailable
from asyncevents_core.ports.ledger import (
    JoinedTransaction,
    Ledger,
    LedgerTransaction,
    LedgerView,
)
from asyncevents_core.ports.observer import NOBODY, LedgerUsed, Observers

logger = logging.getLogger("asyncevents.ledger")
T = TypeVar("T")

_MOST_RUNS: Final = 8
_LONGEST_PAUSE: Final = 0.5


def as_it_is() -> int:
    """Return the offset of the database's clock outside of tests: none."""
    return 0


class SqlLedger(Ledger):
    """The ledger at `url`. `clock_offset` returns microseconds to add to its clock, for tests.

    `observers` are told of each transaction.
    """

    def __init__(
        self,
        url: str,
        *,
        cipher: Cipher,
        clock_offset: Callable[[], int] = as_it_is,
        observers: Observers = NOBODY,
    ) -> None:
        self._url = url
        self._engine: Engine = open_engine(url)
        self._dialect = SqlDialect(self._engine.dialect.name)
        self._cipher = cipher
        self._offset = clock_offset
        self._outbox = Outbox(self._dialect, clock_offset, cipher)
        self._reader = self._engine.execution_options(asyncevents_read=True)
        self._autocommit: Engine | None = None
        if self._dialect.name == "postgresql":
            # One statement is a transaction by itself: one round trip instead of three. An engine
            # of its own, since a connection that changes its mode each time saves nothing.
            self._autocommit = open_engine(url, isolation_level="AUTOCOMMIT")
        self._observers = observers
        self._counter = _RowCounter()
        if observers.any:
            self._counter.count_on(self._engines)

    def __repr__(self) -> str:
        return f"SqlLedger({masked(self._url)!r})"

    def run(self, work: Callable[[LedgerTransaction], T]) -> T:
        return self._insist(partial(self._run_once, work))

    def _run_once(self, work: Callable[[LedgerTransaction], T]) -> T:
        with self._engine.begin() as connection:
            return work(SqlTransaction(self._statements(connection)))

    def publish(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        self._insist(partial(self._publish_once, events, due_in))

    def _publish_once(self, events: Sequence[NewEvent], due_in: float) -> None:
        engine = self._autocommit
        with self._engine.begin() if engine is None else engine.connect() as connection:
            SqlEventWriter(self._statements(connection)).insert(events, due_in=due_in)

    def read(self, query: Callable[[LedgerView], T]) -> T:
        def once() -> T:
            with self._reader.begin() as connection:
                return query(SqlView(self._statements(connection)))

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
                return durability_warnings(connection, self._dialect)

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

    def _statements(self, connection: Connection) -> Statements:
        return Statements(connection, self._dialect, self._offset, self._cipher)

    @property
    def _engines(self) -> list[Engine]:
        return [one for one in (self._engine, self._autocommit) if one is not None]

    def _insist(self, once: Callable[[], T], *, reads_only: bool = False) -> T:
        """Run a transaction again while that is worth it, and name what is wrong otherwise."""
        if not self._observers.any:
            return self._rerun(once, _Reruns())
        reruns, begun, done = _Reruns(), time.monotonic(), False
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

    def _rerun(self, once: Callable[[], T], reruns: _Reruns) -> T:
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


class SqlTransaction(LedgerTransaction):
    """A transaction of the ledger's own. Its nouns are made when they are first said."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

    def now(self) -> int:
        return self._sql.now()

    @cached_property
    def events(self) -> SqlEvents:
        return SqlEvents(self._sql)

    @cached_property
    def deliveries(self) -> SqlDeliveries:
        return SqlDeliveries(self._sql)

    @cached_property
    def outcomes(self) -> SqlOutcomes:
        return SqlOutcomes(self._sql)

    @cached_property
    def subscriptions(self) -> SqlSubscriptions:
        return SqlSubscriptions(self._sql)

    @cached_property
    def dead_letters(self) -> SqlDeadLetters:
        return SqlDeadLetters(self._sql)

    @cached_property
    def replays(self) -> SqlReplays:
        return SqlReplays(self._sql)

    @cached_property
    def index(self) -> SqlIndexQueue:
        return SqlIndexQueue(self._sql)

    @cached_property
    def access(self) -> SqlAccess:
        return SqlAccess(self._sql)

    @cached_property
    def tasks(self) -> SqlTasks:
        return SqlTasks(self._sql)

    @cached_property
    def workers(self) -> SqlWorkers:
        return SqlWorkers(self._sql)


class SqlView(LedgerView):
    """A transaction that only reads. Its nouns are made when they are first said."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

    def now(self) -> int:
        return self._sql.clock()

    def backlog(self, *, horizon: float = 0.0) -> Backlog:
        return backlog(self._sql, horizon=horizon)

    @cached_property
    def events(self) -> SqlEventsView:
        return SqlEventsView(self._sql)

    @cached_property
    def traces(self) -> SqlTracesView:
        return SqlTracesView(self._sql)

    @cached_property
    def log(self) -> SqlLogView:
        return SqlLogView(self._sql)

    @cached_property
    def subscriptions(self) -> SqlSubscriptionsView:
        return SqlSubscriptionsView(self._sql)

    @cached_property
    def dead_letters(self) -> SqlDeadLettersView:
        return SqlDeadLettersView(self._sql)

    @cached_property
    def replays(self) -> SqlReplaysView:
        return SqlReplaysView(self._sql)

    @cached_property
    def index(self) -> SqlIndexView:
        return SqlIndexView(self._sql)

    @cached_property
    def access(self) -> SqlAccessView:
        return SqlAccessView(self._sql)

    @cached_property
    def tasks(self) -> SqlTasksView:
        return SqlTasksView(self._sql)

    @cached_property
    def workers(self) -> SqlWorkersView:
        return SqlWorkersView(self._sql)


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

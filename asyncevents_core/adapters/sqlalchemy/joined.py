"""Writing within the caller's transaction: the outbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Connection
from sqlalchemy import event as listen
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy.borrowed import BorrowedWriter
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect, family
from asyncevents_core.adapters.sqlalchemy.events import SqlEventWriter
from asyncevents_core.adapters.sqlalchemy.failures import is_missing_table
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.errors import ForeignTransaction
from asyncevents_core.ports.ledger import JoinedTransaction
from asyncevents_core.ports.ledger.events import EventWriter

_MYSQL_IN_TRANSACTION: Final = 1
"""SERVER_STATUS_IN_TRANS: https://mariadb.com/kb/en/ok_packet/#server-status-flag"""


class Outbox:
    """Makes writers on callers' transactions, and hears when those are committed. Thread-safe."""

    def __init__(
        self,
        dialect: SqlDialect,
        offset: Callable[[], int],
        cipher: Cipher,
    ) -> None:
        self._dialect = dialect
        self._offset = offset
        self._cipher = cipher
        self._lock = threading.Lock()
        self._listening: WeakKeyDictionary[Session | Connection, _Callbacks] = WeakKeyDictionary()

    def join(self, transaction: object) -> JoinedTransaction:
        """Return a writer for a Session, a Connection or a DBAPI connection.

        Raises `ForeignTransaction` where it is none of these, or of another kind of database.
        """
        # Told by its attribute: importing SQLAlchemy's asyncio module needs greenlet.
        if hasattr(transaction, "sync_session") or hasattr(transaction, "sync_connection"):
            raise ForeignTransaction(
                f"an {type(transaction).__name__} needs the asynchronous form: "
                "await events.apublish(…, session=session)"
            )
        if isinstance(transaction, scoped_session):
            transaction = transaction()
        if isinstance(transaction, Session):
            connection = transaction.connection()
            if isinstance(transaction.bind, Connection):
                # Of a test, say: the Session ends where its Connection does not yet commit.
                transaction = transaction.bind
        elif isinstance(transaction, Connection):
            connection = transaction
        elif callable(getattr(transaction, "cursor", None)):
            writer = BorrowedWriter(transaction, self._dialect, self._offset)
            return _Joined(writer, _callbacks_of_django(transaction))
        else:
            raise ForeignTransaction(
                "session= takes a SQLAlchemy Session, scoped_session or Connection, connection= a "
                f"DBAPI connection; got {type(transaction).__name__}"
            )
        if family(connection.dialect.name) != family(self._dialect.name):
            raise ForeignTransaction(
                f"the session is on {connection.dialect.name}, the ledger (LEDGER_URL) on "
                f"{self._dialect.name}: an event can only join a transaction on the ledger's own "
                "database"
            )
        statements = Statements(connection, self._dialect, self._offset, self._cipher)
        callbacks = self._callbacks(transaction)
        return _Joined(_JoinedWriter(statements, callbacks), callbacks)

    def _callbacks(self, transaction: Session | Connection) -> _Callbacks:
        """Listen to a Session or Connection from now on, once however often it publishes."""
        with self._lock:
            callbacks = self._listening.get(transaction)
            if callbacks is None:
                callbacks = self._listening[transaction] = _Callbacks()
                if isinstance(transaction, Session):
                    _listen_to_session(transaction, callbacks)
                else:
                    _listen_to_connection(transaction, callbacks)
            return callbacks


class _Callbacks:
    """What to do after the commit of the transaction under way."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def add(self, callback: Callable[[], None]) -> None:
        self._waiting.append(callback)

    def run(self) -> None:
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def drop(self) -> None:
        self._waiting.clear()


class _DjangoCallbacks:
    """What to do after the commit of a transaction of Django, which forgets what is rolled back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def add(self, callback: Callable[[], None]) -> None:
        self._connection.on_commit(callback)


def _callbacks_of_django(connection: Any) -> _DjangoCallbacks | None:
    """Return what hears of the commit of Django's `atomic`; None where there is none.

    Outside of it a statement is committed as it is executed, or by whoever switched that off:
    Django would call back at once, or not at all.
    """
    observed = hasattr(connection, "on_commit") and getattr(connection, "in_atomic_block", False)
    return _DjangoCallbacks(connection) if observed else None


class _Joined(JoinedTransaction):
    """A transaction of the caller; without `callbacks` its commit cannot be observed."""

    def __init__(
        self, events: EventWriter, callbacks: _Callbacks | _DjangoCallbacks | None
    ) -> None:
        self._events = events
        self._callbacks = callbacks

    @property
    def events(self) -> EventWriter:
        return self._events

    def on_commit(self, callback: Callable[[], None]) -> bool:
        if self._callbacks is None:
            return False
        self._callbacks.add(callback)
        return True


class _JoinedWriter(SqlEventWriter):
    """Writes on the caller's Session or Connection; tells where that is on another database."""

    def __init__(self, statements: Statements, callbacks: _Callbacks) -> None:
        super().__init__(statements)
        self._callbacks = callbacks

    def insert(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        try:
            super().insert(events, due_in=due_in)
        except DBAPIError as error:
            raise _explained(error) from error
        if not in_transaction(self._sql.connection.connection.driver_connection):
            # In autocommit nobody commits later: it is committed.
            self._callbacks.run()

    def find(
        self, external_ids: Collection[str], *, latest: bool = False
    ) -> Mapping[str, tuple[UUID, bytes]]:
        try:
            return super().find(external_ids, latest=latest)
        except DBAPIError as error:
            raise _explained(error) from error


def _explained(error: DBAPIError) -> Exception:
    if error.orig is not None and is_missing_table(error.orig):
        return ForeignTransaction(
            "the database of this session has no ledger tables. The session must be on the "
            "ledger's database (LEDGER_URL); `asyncevents db upgrade` makes its tables"
        )
    return error


def _listen_to_session(session: Session, callbacks: _Callbacks) -> None:
    def committed(session: Session) -> None:
        # Also fires when a savepoint is released, which commits nothing.
        if not session.in_nested_transaction():
            callbacks.run()

    def ended(_: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            callbacks.drop()

    listen.listen(session, "after_commit", committed)
    listen.listen(session, "after_transaction_end", ended)


def _listen_to_connection(connection: Connection, callbacks: _Callbacks) -> None:
    # The release of a savepoint is another event.
    listen.listen(connection, "commit", lambda _: callbacks.run())
    listen.listen(connection, "commit_twophase", lambda *_: callbacks.run())
    listen.listen(connection, "rollback", lambda _: callbacks.drop())
    listen.listen(connection, "rollback_twophase", lambda *_: callbacks.drop())


def in_transaction(driver: Any) -> bool:
    """Tell whether a driver's connection has a transaction open; True where it does not say."""
    # psycopg, psycopg2; sqlite3, aiosqlite; asyncpg; PyMySQL, asyncmy; 0 is "idle" of libpq.
    status = getattr(getattr(driver, "info", None), "transaction_status", None)
    if status is not None:
        return int(status) != 0
    status = getattr(driver, "in_transaction", None)
    if isinstance(status, bool):
        return status
    asked = getattr(driver, "is_in_transaction", None)
    if callable(asked):
        return bool(asked())
    status = getattr(driver, "server_status", None)
    if isinstance(status, int):
        return bool(status & _MYSQL_IN_TRANSACTION)
    return True

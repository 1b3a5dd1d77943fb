"""Writing within the caller's transaction: the outbox."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy import event as listen
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, SessionTransaction

from asyncevents_core.adapters.sqlalchemy.borrowed import BorrowedConnection
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect, is_missing_table
from asyncevents_core.adapters.sqlalchemy.transaction import SqlWriter
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.errors import ForeignTransaction
from asyncevents_core.ports.ledger import JoinedTransaction


def join(transaction: object, dialect: SqlDialect, offset: Callable[[], int]) -> JoinedTransaction:
    """Return a writer for a Session, a Connection or a DBAPI connection.

    Raises `ForeignTransaction` where it is none of these, or of another kind of database.
    """
    # Told by its attribute: importing SQLAlchemy's asyncio module needs greenlet.
    if hasattr(transaction, "sync_session") or hasattr(transaction, "sync_connection"):
        raise ForeignTransaction(
            f"an {type(transaction).__name__} needs the asynchronous form: "
            "await events.apublish(…, session=session)"
        )
    if isinstance(transaction, Session):
        connection = transaction.connection()
        on_commit: Callable[[Callable[[], None]], None] = functools.partial(
            _after_session_commit, transaction
        )
    elif isinstance(transaction, Connection):
        connection = transaction
        on_commit = functools.partial(_after_connection_commit, transaction)
    elif callable(getattr(transaction, "cursor", None)):
        return BorrowedConnection(transaction, dialect, offset)
    else:
        raise ForeignTransaction(
            f"session= takes a SQLAlchemy Session or Connection, connection= a DBAPI connection; "
            f"got {type(transaction).__name__}"
        )
    if connection.dialect.name != dialect.name:
        raise ForeignTransaction(
            f"the session is on {connection.dialect.name}, the ledger (LEDGER_URL) on "
            f"{dialect.name}: an event can only join a transaction on the ledger's own database"
        )
    return SqlJoined(SqlWriter(connection, dialect, offset), on_commit)


class SqlJoined(JoinedTransaction):
    """A SQLAlchemy transaction of the caller."""

    def __init__(self, writer: SqlWriter, on_commit: Callable[[Callable[[], None]], None]) -> None:
        self._writer = writer
        self._on_commit = on_commit

    def insert_events(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        try:
            self._writer.insert_events(events, due_in=due_in)
        except DBAPIError as error:
            raise _explained(error) from error

    def find_events(self, external_ids: Collection[str]) -> Mapping[str, tuple[UUID, bytes]]:
        try:
            return self._writer.find_events(external_ids)
        except DBAPIError as error:
            raise _explained(error) from error

    def on_commit(self, callback: Callable[[], None]) -> bool:
        self._on_commit(callback)
        return True


def _explained(error: DBAPIError) -> Exception:
    if is_missing_table(error):
        return ForeignTransaction(
            "the database of this session has no ledger tables. The session must be on the "
            "ledger's database (LEDGER_URL); `asyncevents db upgrade` makes its tables"
        )
    return error


def _after_session_commit(session: Session, callback: Callable[[], None]) -> None:
    """Call back after the outermost commit: `after_commit` also fires for savepoints.

    A session's root transaction ends once, so the listeners remove themselves then.
    """
    root = _root(session.get_transaction())

    def committed(_: Session) -> None:
        if not session.in_nested_transaction():
            callback()

    def ended(_: Session, transaction: SessionTransaction) -> None:
        if transaction is root:
            listen.remove(session, "after_commit", committed)
            listen.remove(session, "after_transaction_end", ended)

    listen.listen(session, "after_commit", committed)
    listen.listen(session, "after_transaction_end", ended)


def _root(transaction: SessionTransaction | None) -> SessionTransaction | None:
    while transaction is not None and transaction.parent is not None:
        transaction = transaction.parent
    return transaction


def _after_connection_commit(connection: Connection, callback: Callable[[], None]) -> None:
    """Call back after the commit; a savepoint's release is another event and does not count."""

    def committed(_: Connection) -> None:
        remove()
        callback()

    def rolled_back(_: Connection) -> None:
        remove()

    def remove() -> None:
        listen.remove(connection, "commit", committed)
        listen.remove(connection, "rollback", rolled_back)

    listen.listen(connection, "commit", committed)
    listen.listen(connection, "rollback", rolled_back)

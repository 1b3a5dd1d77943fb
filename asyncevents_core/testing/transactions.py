"""What becomes of the transactions in which a test publishes: whether they are rolled back."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy import event as listen
from sqlalchemy.orm import Session, scoped_session

_SAVEPOINT: Final = re.compile(
    r"\s*(SAVEPOINT|ROLLBACK(?: WORK)?(?: TRANSACTION)? TO(?: SAVEPOINT)?|RELEASE(?: SAVEPOINT)?)"
    r"\s+[\"`]?(\w+)",
    re.IGNORECASE,
)
"""What begins, undoes and ends a savepoint, in the SQL of every database here."""


class Followed(ABC):
    """The transaction, or savepoint, in which something was published."""

    @property
    @abstractmethod
    def rolled_back(self) -> bool:
        """Whether it was rolled back, so that nothing in it ever happened."""


class Unfollowed(Followed):
    """One that cannot be followed, or none."""

    @property
    def rolled_back(self) -> bool:
        return False


class _Scope(Followed):
    """A transaction of SQLAlchemy, or a savepoint in one."""

    def __init__(self, name: str | None, parent: _Scope | None) -> None:
        self.name = name
        self._parent = parent
        self._rolled_back = False

    @property
    def rolled_back(self) -> bool:
        return self._rolled_back or (self._parent is not None and self._parent.rolled_back)

    def roll_back(self) -> None:
        """Note that it was rolled back."""
        self._rolled_back = True


class _DjangoTransaction(Followed):
    """A transaction of Django, which forgets what was to happen on its commit as it rolls back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._committed = False
        connection.on_commit(self._commit)

    @property
    def rolled_back(self) -> bool:
        return not self._committed and not any(
            function == self._commit for _, function, *_ in self._connection.run_on_commit
        )

    def _commit(self) -> None:
        self._committed = True


class SqlTransactions:
    """Listens to all connections of SQLAlchemy while it is in use: see `listening`."""

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[Connection, list[_Scope]] = WeakKeyDictionary()

    def follow(self, transaction: object | None) -> Followed:
        """Return the transaction that this Session, Connection or connection of Django is in.

        A DBAPI connection does not tell of its end: what is published in it counts.
        """
        if isinstance(transaction, scoped_session):
            transaction = transaction()
        if isinstance(transaction, Session):
            transaction = transaction.connection()
        if isinstance(transaction, Connection):
            options = transaction.get_execution_options()
            if options.get("isolation_level") == "AUTOCOMMIT":
                return Unfollowed()
            if not transaction.in_transaction():
                # As the insert of an event would.
                transaction.begin()
            return self._scopes(transaction)[-1]
        if hasattr(transaction, "run_on_commit") and hasattr(transaction, "on_commit"):
            return _DjangoTransaction(transaction)
        return Unfollowed()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to savepoints and ends of transactions while the block runs."""
        listeners: dict[str, Callable[..., None]] = {
            # The events of savepoints do not tell their names.
            "after_cursor_execute": self._executed,
            "rollback": self._rolled_back,
            "rollback_twophase": self._rolled_back,
            "commit": self._committed,
            "commit_twophase": self._committed,
        }
        for name, listener in listeners.items():
            listen.listen(Engine, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                listen.remove(Engine, name, listener)

    def _scopes(self, connection: Connection) -> list[_Scope]:
        """Return the transaction of a connection, and its savepoints, innermost last."""
        return self._open.setdefault(connection, [_Scope(None, None)])

    def _executed(self, connection: Connection, cursor: object, statement: str, *_: object) -> None:
        found = _SAVEPOINT.match(statement)
        if found is None:
            return
        verb, name = found.group(1).upper(), found.group(2)
        scopes = self._scopes(connection)
        if verb == "SAVEPOINT":
            scopes.append(_Scope(name, scopes[-1]))
            return
        # Names may be there again and again: the last one is meant. One that is not there is older
        # than the recording, and all that was recorded is in it.
        at = max((at for at, one in enumerate(scopes) if one.name == name), default=0)
        if verb.startswith("ROLLBACK"):
            for scope in scopes[at:]:
                scope.roll_back()
            # It goes on, so that it can be rolled back to once more.
            scopes[at:] = [_Scope(name, scopes[at - 1] if at else None)]
        elif at:
            del scopes[at:]

    def _rolled_back(self, connection: Connection, *_: object) -> None:
        for scope in self._open.pop(connection, []):
            scope.roll_back()

    def _committed(self, connection: Connection, *_: object) -> None:
        self._open.pop(connection, None)

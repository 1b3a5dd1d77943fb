"""Writing on a DBAPI connection that somebody else made, such as Django's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from asyncevents_core.adapters.sqlalchemy.dialects import (
    CLOCKS,
    SqlDialect,
    family,
)
from asyncevents_core.adapters.sqlalchemy.event_rows import event_values
from asyncevents_core.adapters.sqlalchemy.failures import is_missing_table
from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.errors import ForeignTransaction
from asyncevents_core.ports.ledger.events import EventWriter

_DRIVERS: Final = {
    "sqlite3": "sqlite",
    "psycopg": "postgresql",
    "psycopg2": "postgresql",
    "MySQLdb": "mysql",
    "pymysql": "mysql",
}
_FOUND: Final = ("external_id", "id", "digest")


class BorrowedWriter(EventWriter):
    """Writes on a DBAPI connection in the caller's transaction; plain SQL in its parameter style.

    Django's wrapper (``django.db.connection``) is taken too: its cursors take ``%s``.
    """

    def __init__(self, connection: Any, dialect: SqlDialect, offset: Callable[[], int]) -> None:
        raw = getattr(connection, "connection", None)
        wrapped = raw is None and hasattr(connection, "ensure_connection")
        if wrapped:
            connection.ensure_connection()
            raw = connection.connection
        driver = _driver(raw if raw is not None else connection)
        if family(dialect.name) != _DRIVERS[driver]:
            raise ForeignTransaction(
                f"the connection is of {driver}, the ledger (LEDGER_URL) on {dialect.name}: an "
                "event can only join a transaction on the ledger's own database"
            )
        self._connection = connection
        self._dialect = dialect
        self._offset = offset
        paramstyle = sys.modules[driver].paramstyle
        # Django turns %s into the driver's own style.
        self._mark = "?" if paramstyle == "qmark" and raw is None else "%s"

    def insert(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        columns = [*event_values(events[0]), "created_at", "due_at"] if events else []
        clock = f"{CLOCKS[self._dialect.name]} + {self._offset()}"
        marks = [self._mark] * (len(columns) - 2)
        values = ", ".join([*marks, clock, f"{clock} + {round(due_in * 1e6)}"])
        tail = " ON CONFLICT DO NOTHING"
        if family(self._dialect.name) == "mysql":
            tail = " ON DUPLICATE KEY UPDATE id = id"
        table = self._dialect.qualified(event.name)
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}){tail}"  # noqa: S608
        parameters = [
            [self._native(value) for value in event_values(one).values()] for one in events
        ]
        self._execute(lambda cursor: cursor.executemany(sql, parameters))

    def find(
        self, external_ids: Collection[str], *, latest: bool = False
    ) -> Mapping[str, tuple[UUID, bytes]]:
        if not external_ids:
            return {}
        marks = ", ".join([self._mark] * len(external_ids))
        sql = (
            f"SELECT {', '.join(_FOUND)} FROM {self._dialect.qualified(event.name)} "  # noqa: S608
            f"WHERE external_id IN ({marks})"
        )
        if latest and family(self._dialect.name) == "mysql":
            sql += " LOCK IN SHARE MODE"
        found: dict[str, tuple[UUID, bytes]] = {}

        def read(cursor: Any) -> None:
            cursor.execute(sql, list(external_ids))
            for row in cursor.fetchall():
                # The caller's connection may make dictionaries of rows.
                named = isinstance(row, Mapping)
                values = [row[name] for name in _FOUND] if named else row
                external_id, row_id, digest = values
                found[external_id] = (_uuid(row_id), bytes(digest))

        self._execute(read)
        return found

    def _native(self, value: Any) -> Any:
        if isinstance(value, UUID):
            # As text: psycopg2 knows no UUID until it is told to.
            return str(value) if self._dialect.name == "postgresql" else value.bytes
        return value

    def _execute(self, work: Callable[[Any], object]) -> None:
        cursor = self._connection.cursor()
        try:
            work(cursor)
        except Exception as error:
            # Django wraps the driver's errors.
            if is_missing_table(error) or is_missing_table(error.__cause__ or error):
                raise ForeignTransaction(
                    "the database of this connection has no ledger tables. It must be the "
                    "ledger's database (LEDGER_URL); `asyncevents db upgrade` makes its tables"
                ) from error
            raise
        finally:
            cursor.close()


def _driver(connection: object) -> str:
    for base in type(connection).__mro__:
        name = base.__module__.split(".")[0]
        if name in _DRIVERS:
            return name
    raise ForeignTransaction(
        f"connection= takes a DBAPI connection of {', '.join(_DRIVERS)}; "
        f"got {type(connection).__module__}.{type(connection).__qualname__}"
    )


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    return UUID(value) if isinstance(value, str) else UUID(bytes=bytes(value))

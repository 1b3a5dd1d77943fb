"""What differs between databases in the statements: the clock, locks, lists."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql

from asyncevents_core.errors import LedgerUnavailable

# Through no local time: where clocks are put back, an hour comes twice.
_MYSQL_CLOCK: Final = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
CLOCKS: Final = {
    # Days since noon of 4714 BC; rounded to a microsecond, exact to some 50 of them.
    "sqlite": "CAST(ROUND((julianday('now') - 2440587.5) * 86400000000.0) AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
    "mysql": _MYSQL_CLOCK,
    "mariadb": _MYSQL_CLOCK,
}

_NO_SCHEMA: Final = {
    "mysql": (
        "LEDGER_SCHEMA is for PostgreSQL. On MariaDB and MySQL a schema is a database: name it in "
        "LEDGER_URL, mysql://…/name, and remove LEDGER_SCHEMA"
    ),
    "sqlite": (
        "LEDGER_SCHEMA is for PostgreSQL. On SQLite give the ledger a file of its own in "
        "LEDGER_URL, and remove LEDGER_SCHEMA"
    ),
}

P = TypeVar("P")


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def family(name: str) -> str:
    """Return the dialect's name, the same for MariaDB and MySQL."""
    return "mysql" if name == "mariadb" else name


class SqlDialect:
    """The dialect of one ledger, and the schema of its tables. Thread-safe.

    `schema` None: where the database looks for names that have none.
    """

    def __init__(self, name: str, schema: str | None = None) -> None:
        if name not in CLOCKS:
            supported = ", ".join(sorted(CLOCKS))
            raise LedgerUnavailable(f"LEDGER_URL: {name!r} is not supported; one of {supported} is")
        if schema is not None and name != "postgresql":
            raise LedgerUnavailable(_NO_SCHEMA[family(name)])
        self.schema = schema
        self.execution_options: Mapping[str, Any] = MappingProxyType(
            {} if schema is None else {"schema_translate_map": {None: schema}}
        )
        """For each statement: on a session of somebody else's nothing else may be changed."""
        self.name = name
        self.is_sqlite = name == "sqlite"
        self._prepared: dict[Hashable, Any] = {}

    def qualified(self, table: str) -> str:
        """Return the name of a table for SQL that is written by hand."""
        return table if self.schema is None else f"{quoted(self.schema)}.{table}"

    def now(self) -> ColumnElement[int]:
        """Return the database's clock in microseconds, as an expression."""
        return literal_column(CLOCKS[self.name], BigInteger)

    def prepared(self, key: Hashable, build: Callable[[], P]) -> P:
        """Return what `build` makes, made once for each key: building statements takes time."""
        if key not in self._prepared:
            self._prepared[key] = build()
        made: P = self._prepared[key]
        return made

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Return the condition that a column is among the values of a parameter, a list."""
        if self.name == "postgresql":
            # One parameter, however many values it has.
            wanted = bindparam(name, type_=postgresql.ARRAY(column.type))
            return column == func.any(wanted)
        return column.in_(bindparam(name, expanding=True))

    def by_index(self, statement: Select[Any], table: Table, index: str) -> Select[Any]:
        """Read a table in the order of an index, and look up what is joined to it.

        For SELECTs of the first rows in that order: MariaDB sorts all of a table rather than
        following an index for more than a few thousand of them, and begins with another table
        where that is small.
        """
        if family(self.name) != "mysql":
            return statement
        hinted = statement.with_hint(table, f"FORCE INDEX ({index})", self.name)
        return hinted.prefix_with("STRAIGHT_JOIN")

    def looked_up(
        self, table: Table, id_: ColumnElement[Any], columns: Sequence[str]
    ) -> tuple[FromClause, ColumnElement[bool]]:
        """Return a table, and the condition to join it on, for looking up rows by id, one by one.

        For some thousand ids. PostgreSQL would read all of a large table instead.
        """
        if self.name != "postgresql":
            return table, table.c.id == id_
        wanted = select(*(table.c[one] for one in columns)).where(table.c.id == id_)
        return wanted.limit(1).lateral(f"one_{table.name}"), true()

    def exists(self, statement: Select[Any]) -> ColumnElement[bool]:
        """Return the condition that a subquery finds a row, for each row of the query around it."""
        if family(self.name) == "mysql":
            # An EXISTS becomes a join there, which reads all that the subquery could find.
            return statement.limit(1).scalar_subquery().is_not(None)
        return statement.exists()

    def lock(self, statement: Select[Any]) -> Select[Any]:
        """Lock the rows found, passing over those that others have locked."""
        return statement if self.is_sqlite else statement.with_for_update(skip_locked=True)

    def lock_waiting(self, statement: Select[Any]) -> Select[Any]:
        """Lock the rows found, waiting for others."""
        return statement if self.is_sqlite else statement.with_for_update()

    def latest(self, statement: Select[Any]) -> Select[Any]:
        """Read what is committed now, even in a transaction that repeats what it read before.

        Only where that is possible: PostgreSQL refuses to write in such a transaction instead.
        """
        return self.share(statement) if family(self.name) == "mysql" else statement

    def share(self, statement: Select[Any]) -> Select[Any]:
        """Keep the rows found as they are until the end of the transaction."""
        return statement if self.is_sqlite else statement.with_for_update(read=True)


def durability_warnings(connection: Connection, dialect: SqlDialect) -> list[str]:
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

"""What differs between databases: the clock, locks, errors, and how to connect."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    bindparam,
    create_engine,
    func,
    literal_column,
    text,
)
from sqlalchemy import event as listen
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from asyncevents_core.domain.secret import without_passwords
from asyncevents_core.errors import LedgerUnavailable, MissingExtra

# Through no local time: where clocks are put back, an hour comes twice.
_MYSQL_CLOCK: Final = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
CLOCKS: Final = {
    # Days since noon of 4714 BC; rounded to a microsecond, exact to some 50 of them.
    "sqlite": "CAST(ROUND((julianday('now') - 2440587.5) * 86400000000.0) AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
    "mysql": _MYSQL_CLOCK,
    "mariadb": _MYSQL_CLOCK,
}
_EXTRAS: Final = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
BUSY_TIMEOUT: Final = 30.0

P = TypeVar("P")


def family(name: str) -> str:
    """Return the dialect's name, the same for MariaDB and MySQL."""
    return "mysql" if name == "mariadb" else name


class SqlDialect:
    """The dialect of one ledger. Thread-safe."""

    def __init__(self, name: str) -> None:
        if name not in CLOCKS:
            supported = ", ".join(sorted(CLOCKS))
            raise LedgerUnavailable(f"LEDGER_URL: {name!r} is not supported; one of {supported} is")
        self.name = name
        self.is_sqlite = name == "sqlite"
        self._prepared: dict[Hashable, Any] = {}

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


def open_engine(url: str, *, isolation_level: str | None = None) -> Engine:
    """Return an engine with the settings that the ledger needs. Does not connect.

    `isolation_level` None: the database's own, or what the ledger needs.

    Raises `LedgerUnavailable`, `MissingExtra`.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.drivername in {"mysql", "mariadb"}:
            parsed = parsed.set(drivername=f"{parsed.drivername}+pymysql")
        backend = parsed.get_backend_name()
        if backend not in CLOCKS:
            raise LedgerUnavailable(
                f"LEDGER_URL: the ledger can be on {', '.join(CLOCKS)}, not on {backend}"
            )
        options: dict[str, Any] = {"pool_pre_ping": False, "pool_size": 5, "max_overflow": 20}
        if backend == "sqlite":
            return _sqlite_engine(parsed)
        if backend in {"mysql", "mariadb"}:
            isolation_level = isolation_level or "READ COMMITTED"
        if isolation_level is not None:
            options["isolation_level"] = isolation_level
        engine = create_engine(parsed, **options)
        if parsed.drivername == "postgresql+psycopg":
            # Imported here: the driver is an extra.
            from asyncevents_core.adapters.sqlalchemy.binary import speak_binary

            listen.listen(engine, "connect", speak_binary)
        return engine
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerUnavailable(f"LEDGER_URL is not a database URL: {error}") from error
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(make_url(url).get_backend_name())
        if extra is None:
            raise
        raise MissingExtra(f"LEDGER_URL ({extra})", extra=extra) from error


def _sqlite_engine(url: URL) -> Engine:
    if url.database in {None, "", ":memory:"}:
        raise LedgerUnavailable(
            "LEDGER_URL: an SQLite ledger needs a file, since several connections share it: "
            "sqlite:///asyncevents.db"
        )
    folder = Path(str(url.database)).resolve().parent
    if not folder.is_dir():
        raise LedgerUnavailable(f"LEDGER_URL: the folder {folder} does not exist: make it first")
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False},
        pool_size=5,
        max_overflow=20,
    )

    @listen.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _: object) -> None:
        # The driver must not begin transactions by itself: `begin` below does.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @listen.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails with "locked" at once if
        # another one wrote meanwhile; one that begins IMMEDIATE waits for its turn.
        reads = connection.get_execution_options().get("asyncevents_read", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


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


def masked(url: str) -> str:
    """Return the URL without its password, be it in front of the host or in the query."""
    try:
        return without_passwords(make_url(url).render_as_string(hide_password=True))
    except ArgumentError:
        return "the database"


def is_missing_table(error: BaseException) -> bool:
    """Tell whether a driver's error says that a table or a column of the ledger is missing."""
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if state in {"42P01", "42703"}:  # PostgreSQL
        return True
    if error.args and error.args[0] in {1146, 1054}:  # MariaDB, MySQL
        return True
    message = str(error)
    signs = ("no such table", "no such column", "has no column named")
    return any(sign in message for sign in signs)


def is_worth_a_rerun(error: DBAPIError) -> bool:
    """Tell whether the whole transaction may be run again: deadlock, busy, connection lost."""
    if error.connection_invalidated:
        return True
    message = str(error.orig).lower()
    return any(
        sign in message
        for sign in (
            "database is locked",
            "database table is locked",
            "deadlock",
            "lock wait timeout",
            "could not serialize",
            "serialization failure",
        )
    )

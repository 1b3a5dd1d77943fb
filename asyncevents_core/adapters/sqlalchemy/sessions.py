"""How the ledger connects: engines whose sessions have limits, so that nothing waits for ever."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as listen
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from asyncevents_core.adapters.sqlalchemy.connecting import (
    NOTHING,
    Given,
    insist_on_tls,
    tls_arguments,
)
from asyncevents_core.adapters.sqlalchemy.dialects import CLOCKS
from asyncevents_core.adapters.sqlalchemy.failures import throw_away
from asyncevents_core.adapters.sqlalchemy.sqlite_sessions import sqlite_engine
from asyncevents_core.adapters.sqlalchemy.urls import read_url
from asyncevents_core.errors import LedgerUnavailable, MissingExtra
from asyncevents_core.ports.ledger.options import ANSWER_LATER, LedgerOptions

_EXTRAS: Final = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_LIBPQ: Final = {"psycopg", "psycopg2"}
_MYSQL_DRIVERS: Final = {"pymysql", "mysqldb"}
"""Those whose connect() is known to take these limits."""
_KEEPALIVES: Final = 3
"""Questions without an answer after which TCP ends a connection."""
_PATIENT_WITH_SQLITE: Final = 60.0
_POOLED: Final = "asyncevents_pooled"
"""In a connection's `info`: whether a pooler lends it a session for each transaction."""
_READING: Final = "asyncevents_reading"
"""In a connection's `info`: whether it is set for transactions that only read, if that is known."""


@frozen(kw_only=True)
class SessionLimits:
    """Limits of one session, in seconds; None: none, as for migrations."""

    lock: float | None = None
    statement: float | None = None
    idle: float | None = None
    """A transaction in which nothing happens."""

    @property
    def answer(self) -> float | None:
        """How long the client waits for the server, which ends the statement itself before."""
        return None if self.statement is None else self.statement + ANSWER_LATER


def open_engine(
    url: str,
    options: LedgerOptions,
    limits: SessionLimits,
    *,
    isolation_level: str | None = None,
    given: Given = NOTHING,
) -> Engine:
    """Return an engine with the settings that the ledger needs. Does not connect.

    `isolation_level` None: the database's own, or what the ledger needs. `given` is what each new
    connection gets.

    Raises `LedgerUnavailable`, `MissingExtra`.
    """
    try:
        parsed = read_url(url)
    except ValueError as error:
        raise LedgerUnavailable(f"LEDGER_URL: {error}") from error
    try:
        backend = parsed.get_backend_name()
        if backend not in CLOCKS:
            raise LedgerUnavailable(
                f"LEDGER_URL: the ledger can be on {', '.join(CLOCKS)}, not on {backend}"
            )
        pool = {
            "pool_pre_ping": False,
            "pool_size": options.pool_size,
            "max_overflow": options.max_overflow,
            "pool_timeout": options.pool_timeout,
            "pool_recycle": -1 if options.pool_recycle is None else options.pool_recycle,
        }
        if backend == "sqlite":
            if options.says_tls or given.password is not None:
                raise LedgerUnavailable(
                    "LEDGER_OPTIONS: TLS and password are of no use with SQLite, which is a file"
                )
            busy = _PATIENT_WITH_SQLITE if limits.lock is None else limits.lock
            return sqlite_engine(parsed, busy, pool)
        if backend == "postgresql":
            return _postgresql_engine(parsed, options, limits, pool, isolation_level, given)
        return _mysql_engine(parsed, options, limits, pool, given)
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerUnavailable(f"LEDGER_URL: {error}") from error
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(parsed.get_backend_name())
        if extra is None:
            raise
        raise MissingExtra(f"LEDGER_URL ({extra})", extra=extra) from error


def session_of(engine: Engine) -> Any:
    """Open a session of an engine's kind that belongs to the caller: a DBAPI connection."""
    borrowed = engine.raw_connection()
    connection = borrowed.dbapi_connection
    borrowed.detach()
    assert connection is not None  # noqa: S101 - it was just opened
    return connection


def session_maker(
    url: str, options: LedgerOptions, limits: SessionLimits, given: Given
) -> Callable[[], DBAPIConnection]:
    """Return what opens a session with limits, for an engine of somebody else's.

    What is wrong with the URL or its driver shows when it is called: it raises as `open_engine`.
    """

    @cache
    def engine() -> Engine:
        return open_engine(url, options, limits, given=given)

    def make() -> DBAPIConnection:
        opened: DBAPIConnection = session_of(engine())
        return opened

    return make


# -- PostgreSQL -------------------------------------------------------------------------------


def _postgresql_engine(
    url: URL,
    options: LedgerOptions,
    limits: SessionLimits,
    pool: dict[str, Any],
    isolation_level: str | None,
    given: Given,
) -> Engine:
    wanted: dict[str, Any] = {
        # At least 2 seconds, says libpq.
        "connect_timeout": max(2, math.ceil(options.connect_timeout)),
        "keepalives": 1,
        "keepalives_idle": math.ceil(options.keepalive),
        "keepalives_interval": math.ceil(options.keepalive),
        "keepalives_count": _KEEPALIVES,
        # Whatever the server or PGCLIENTENCODING say: else psycopg gives bytes for SQL_ASCII.
        "client_encoding": "utf8",
    }
    if limits.answer is not None:
        wanted["tcp_user_timeout"] = _milliseconds(limits.answer)
    if isolation_level is not None:
        pool = {**pool, "isolation_level": isolation_level}
    known = _not_in_url(url, wanted) if url.get_driver_name() in _LIBPQ else {}
    known.update(tls_arguments(url, options))
    engine = create_engine(url, connect_args=known, **pool)
    given.give(engine)
    listen.listen(engine, "handle_error", throw_away)
    ours = url.get_driver_name() == "psycopg"
    if ours:
        _use_our_psycopg(engine, options, limits)
    listen.listen(engine, "connect", partial(_limit_postgresql, limits, options.pooler))
    if ours:
        listen.listen(engine, "connect", partial(_finish_psycopg, limits, options))
    if isolation_level is None:
        listen.listen(engine, "begin", partial(_begin, limits))
        listen.listen(engine, "rollback", _forget_plans)
    return engine


def _use_our_psycopg(engine: Engine, options: LedgerOptions, limits: SessionLimits) -> None:
    # Imported here: the driver is an extra.
    from asyncevents_core.adapters.sqlalchemy.psycopg_session import LimitedConnection

    def connect(_: object, __: object, arguments: list[Any], options_: dict[str, Any]) -> Any:
        connection = LimitedConnection.connect(*arguments, **options_)
        if limits.answer is not None:
            # Until it can be used; from then on as long as statements may take.
            connection.answers_within = options.connect_timeout
        return connection

    listen.listen(engine, "do_connect", connect)


def _finish_psycopg(
    limits: SessionLimits, options: LedgerOptions, connection: Any, record: ConnectionPoolEntry
) -> None:
    from asyncevents_core.adapters.sqlalchemy.psycopg_session import speak_binary

    connection.answers_within = limits.answer
    connection.prepare_threshold = options.prepare_threshold
    if record.info[_POOLED]:
        # The session that knows a prepared statement is somebody else's a transaction later.
        connection.prepare_threshold = None
    speak_binary(connection)


def _limit_postgresql(
    limits: SessionLimits, pooler: bool | None, connection: Any, record: ConnectionPoolEntry
) -> None:
    """Set the limits of a new session, in a single round trip; not of one that a pooler lends.

    Not by libpq's `options`: PgBouncer refuses connections that have them.
    """
    direct = "false" if pooler else "true"
    # pg8000 does not tell it.
    number = getattr(getattr(connection, "info", None), "backend_pid", None)
    if pooler is None and number is not None:
        # A pooler tells its clients a number of its own, not that of a session that it lends.
        direct = f"pg_backend_pid() = {number}"
    calls = "".join(
        f", CASE WHEN {direct} THEN {call} END" for call in _set_postgresql(limits, local=False)
    )
    before = connection.autocommit
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"SELECT {direct}{calls}")
    record.info[_POOLED] = not cursor.fetchone()[0]
    cursor.close()
    connection.autocommit = before


def _begin(limits: SessionLimits, connection: Connection) -> None:
    """Set the plans of a transaction, and its limits in a session that a pooler lends for it.

    What writes takes few rows of tables that may be large, and finds them in indexes. The plan that
    a session keeps for that may be of a time when the table was small, and read all of it: until
    PostgreSQL looks at a new ledger for the first time, that costs more than all the rest. What
    only reads may scan where that is cheapest.
    """
    reads = connection.get_execution_options().get("asyncevents_read", False)
    if connection.info[_POOLED]:
        calls = _set_postgresql(limits, local=True)
        if not reads:
            calls.append("set_config('enable_seqscan', 'off', true)")
        connection.exec_driver_sql(f"SELECT {', '.join(calls)}")
    elif connection.info.get(_READING) is not reads:
        connection.exec_driver_sql(f"SET enable_seqscan = {'DEFAULT' if reads else 'off'}")
        connection.info[_READING] = reads


def _forget_plans(connection: Connection) -> None:
    # What was set in the transaction is taken back with it. Of a lost session nothing is known.
    if not connection.invalidated:
        connection.info.pop(_READING, None)


def _set_postgresql(limits: SessionLimits, *, local: bool) -> list[str]:
    times = {
        "lock_timeout": limits.lock,
        "statement_timeout": limits.statement,
        "idle_in_transaction_session_timeout": limits.idle,
    }
    wanted = {
        name: str(_milliseconds(seconds)) for name, seconds in times.items() if seconds is not None
    }
    # Compiling a statement that counts 100,000 attempts takes a second, running it a third of one.
    wanted["jit"] = "off"
    return [
        f"set_config('{name}', '{value}', {'true' if local else 'false'})"
        for name, value in wanted.items()
    ]


# -- MariaDB, MySQL ---------------------------------------------------------------------------


def _mysql_engine(
    url: URL,
    options: LedgerOptions,
    limits: SessionLimits,
    pool: dict[str, Any],
    given: Given,
) -> Engine:
    wanted: dict[str, Any] = {"connect_timeout": math.ceil(options.connect_timeout)}
    if limits.answer is not None:
        wanted["read_timeout"] = wanted["write_timeout"] = math.ceil(limits.answer)
    driver = url.get_driver_name()
    wanted = _not_in_url(url, wanted) if driver in _MYSQL_DRIVERS else {}
    of_pymysql = driver == "pymysql" and {"read_timeout", "write_timeout"} <= wanted.keys()
    if of_pymysql:
        # Its limit of connecting ends before the server has said a word.
        wanted["read_timeout"] = wanted["write_timeout"] = math.ceil(options.connect_timeout)
    tls = tls_arguments(url, options)
    engine = create_engine(
        url, connect_args={**wanted, **tls}, isolation_level="READ COMMITTED", **pool
    )
    given.give(engine)
    if tls:
        insist_on_tls(engine)
    listen.listen(engine, "handle_error", throw_away)
    listen.listen(engine, "connect", partial(_limit_mysql, limits))
    if of_pymysql:
        listen.listen(engine, "connect", partial(_limit_pymysql, limits))
    return engine


def _limit_pymysql(limits: SessionLimits, connection: Any, _: object) -> None:
    """Let a connection that can be used wait as long for answers as statements may take."""
    # The same for both, or it changes the socket's limit twice for each statement.
    connection._read_timeout = connection._write_timeout = limits.answer


def _limit_mysql(limits: SessionLimits, connection: Any, _: object) -> None:
    """Set the limits of a new session, in a single round trip.

    MySQL has none for transactions that are idle, and one for statements that only read.
    """
    settings: dict[str, float] = {}
    if limits.lock is not None:
        # Of rows; of tables, while a migration changes one.
        settings["innodb_lock_wait_timeout"] = math.ceil(limits.lock)
        settings["lock_wait_timeout"] = math.ceil(limits.lock)
    if "mariadb" in str(connection.get_server_info()).lower():
        if limits.statement is not None:
            settings["max_statement_time"] = limits.statement
        if limits.idle is not None:
            settings["idle_transaction_timeout"] = math.ceil(limits.idle)
    elif limits.statement is not None:
        settings["max_execution_time"] = _milliseconds(limits.statement)
    if not settings:
        return
    cursor = connection.cursor()
    assignments = ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())
    cursor.execute(f"SET {assignments}")
    cursor.close()


# -- SQLite -----------------------------------------------------------------------------------


def _not_in_url(url: URL, wanted: dict[str, Any]) -> dict[str, Any]:
    """Leave to the URL's query what it says itself."""
    return {name: value for name, value in wanted.items() if name not in url.query}


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))

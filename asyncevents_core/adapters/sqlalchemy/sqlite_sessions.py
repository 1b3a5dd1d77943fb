"""Sessions of a ledger that is an SQLite file: they take turns at writing."""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as listen
from sqlalchemy.engine import URL

from asyncevents_core.adapters.private_files import make_file
from asyncevents_core.errors import LedgerUnavailable

_TURN: Final = 0.001
"""Seconds until a transaction asks again whether it may write to an SQLite file."""


def sqlite_engine(url: URL, busy: float, pool: dict[str, Any]) -> Engine:
    """Return an engine on a file, with the arguments of a `pool`.

    A transaction waits `busy` seconds at most for others. Raises `LedgerUnavailable` where there
    can be no such file.
    """
    if url.database in {None, "", ":memory:"}:
        raise LedgerUnavailable(
            "LEDGER_URL: an SQLite ledger needs a file, since several connections share it: "
            "sqlite:///asyncevents.db"
        )
    folder = Path(str(url.database)).resolve().parent
    if not folder.is_dir():
        raise LedgerUnavailable(f"LEDGER_URL: the folder {folder} does not exist: make it first")
    engine = create_engine(url, connect_args={"timeout": busy, "check_same_thread": False}, **pool)

    @listen.listens_for(engine, "do_connect")
    def before_connecting(*_: object) -> None:
        # SQLite gives its other files the rights of this one.
        make_file(Path(str(url.database)))

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
        if reads:
            connection.exec_driver_sql("BEGIN")
            return
        session: Any = connection.connection.dbapi_connection
        # SQLite itself sleeps longer and longer, up to 0.1 s, while others come and go:
        # https://www.sqlite.org/src/file/src/main.c, sqliteDefaultBusyCallback
        session.execute("PRAGMA busy_timeout = 0")
        try:
            if not _begin_in_turn(session, busy):
                # It fails again, with an error as SQLAlchemy has it.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            session.execute(f"PRAGMA busy_timeout = {max(1, round(busy * 1000))}")

    return engine


def _begin_in_turn(session: sqlite3.Connection, seconds: float) -> bool:
    """Begin a transaction that writes, as soon as no other one does; the session does not wait.

    Returns whether it has begun: False where that took too long, or is impossible.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            session.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            # The lower byte says what it is, the others why.
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= until:
                return False
            time.sleep(random.uniform(0.5, 1.5) * _TURN)  # noqa: S311
        else:
            return True

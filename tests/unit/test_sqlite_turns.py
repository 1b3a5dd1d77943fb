"""Transactions that write to the same SQLite file take turns."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from asyncevents_core.adapters.sqlalchemy.sqlite_sessions import sqlite_engine

LONG = 30.0


@pytest.fixture
def engine_on(sqlite_file):
    made = []

    def make(busy: float):
        made.append(sqlite_engine(make_url(f"sqlite:///{sqlite_file}"), busy, {}))
        return made[-1]

    yield make
    for one in made:
        one.dispose()


def write(engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO a VALUES (1)")


def test_one_waits_until_another_has_written(engine_on, sqlite_file):
    begun = threading.Event()
    other = sqlite3.connect(sqlite_file, check_same_thread=False)
    other.execute("INSERT INTO a VALUES (0)")
    with ThreadPoolExecutor(1) as threads:
        engine = engine_on(LONG)
        waiting = threads.submit(lambda: (begun.set(), write(engine)))
        assert begun.wait(LONG)
        other.commit()
        waiting.result(LONG)
    assert other.execute("SELECT b FROM a").fetchall() == [(0,), (1,)]
    other.close()


def test_many_get_their_turns(engine_on, sqlite_file):
    engines = [engine_on(LONG) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as threads:
        for written in [threads.submit(write, one) for one in engines * 50]:
            written.result(LONG)
    with sqlite3.connect(sqlite_file) as reading:
        assert reading.execute("SELECT count(*) FROM a").fetchone() == (200,)
    reading.close()


def test_who_gets_no_turn_fails_as_ever(engine_on, sqlite_file):
    other = sqlite3.connect(sqlite_file)
    other.execute("INSERT INTO a VALUES (0)")
    with pytest.raises(OperationalError, match="database is locked") as failed:
        write(engine_on(0.02))
    assert failed.value.orig.sqlite_errorcode == sqlite3.SQLITE_BUSY
    other.close()


def test_what_is_no_lock_fails_at_once(engine_on, sqlite_file):
    engine = engine_on(LONG)
    with engine.connect() as connection:
        session = connection.connection.dbapi_connection
        session.execute("BEGIN")
        with pytest.raises(OperationalError, match="within a transaction"):
            connection.begin()


def test_other_statements_wait_as_long(engine_on):
    with engine_on(7.0).begin() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 7_000

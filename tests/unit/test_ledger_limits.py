"""Limits of the ledger's connections, and what errors of a database mean; without a server."""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import ExitStack, closing
from types import SimpleNamespace

import psycopg.errors
import pymysql.err
import pytest
from sqlalchemy.exc import DBAPIError

from asyncevents_core import Settings
from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.adapters.sqlalchemy.failures import (
    is_lock_timeout,
    is_lost,
    is_worth_a_rerun,
    throw_away,
)
from asyncevents_core.errors import LedgerUnavailable, SettingsError
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.settings.configs import ledger_options


@pytest.fixture
def path(tmp_path):
    return f"{tmp_path}/l.db"


@pytest.fixture
def ledger(path):
    options = LedgerOptions(lock_timeout=0.1)
    made = SqlLedger(f"sqlite:///{path}", cipher=Cipher([]), options=options)
    made.upgrade()
    yield made
    made.close()


def test_without_a_free_connection_the_ledger_is_not_available(ledger, monkeypatch):
    pool = ledger._engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.0)
    with ExitStack() as taken:
        for _ in range(pool.size() + pool._max_overflow):
            taken.enter_context(ledger._engine.connect())
        for use in (ledger.read, ledger.run):
            with pytest.raises(LedgerUnavailable, match=r"l\.db: no connection became free"):
                use(lambda it: it.now())
    assert ledger.read(lambda view: view.now())


@pytest.fixture
def locked(path):
    """The file, locked by somebody who does not go on."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_a_lock_that_is_not_released_is_named_and_given_up(ledger, locked, caplog):
    with caplog.at_level(logging.WARNING, logger="asyncevents.ledger"):
        begun = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="database is locked"):
            ledger.run(lambda tx: tx.now())
    assert time.monotonic() - begun < 30
    assert [one.getMessage() for one in caplog.records] == [
        "somebody else holds locks in the ledger and does not go on"
    ]
    assert ledger.read(lambda view: view.now())


def test_a_lock_that_is_released_is_not_mentioned(ledger, locked, caplog):
    locked.execute("ROLLBACK")
    with caplog.at_level(logging.WARNING, logger="asyncevents.ledger"):
        ledger.run(lambda tx: tx.now())
    assert not caplog.records


# -- LEDGER_OPTIONS ---------------------------------------------------------------------------


def test_ledger_options_are_read():
    settings = Settings.from_mapping(
        {"LEDGER_OPTIONS": {"lock_timeout": 2}},
        environ={"ASYNCEVENTS_LEDGER_OPTIONS__CONNECT_TIMEOUT": "1.5"},
    )
    assert ledger_options(settings) == LedgerOptions(lock_timeout=2.0, connect_timeout=1.5)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"lock_timout": 1},
            "LEDGER_OPTIONS.lock_timout: no such option (did you mean 'lock_timeout'",
        ),
        ({"idle_timeout": 0}, "LEDGER_OPTIONS.idle_timeout: "),
        ({"pool_timeout": "1"}, "LEDGER_OPTIONS.pool_timeout: expected float, got str"),
        ({"lock_timeout": 15}, "LEDGER_OPTIONS: lock_timeout has to be below statement_timeout"),
    ],
)
def test_mistakes_in_ledger_options_are_named(options, problem):
    settings = Settings.from_mapping({"LEDGER_OPTIONS": options})
    with pytest.raises(SettingsError) as found:
        ledger_options(settings)
    assert problem in str(found.value)


# -- what errors mean -------------------------------------------------------------------------


def thrown_away(error):
    """Let a pool hear of an error; return whether it drops that session, and all others."""
    context = SimpleNamespace(
        original_exception=error, is_disconnect=False, invalidate_pool_on_disconnect=True
    )
    throw_away(context)
    return context.is_disconnect, context.is_disconnect and context.invalidate_pool_on_disconnect


def of_mysql(number, message):
    """Return an error as PyMySQL raises it."""
    error = pymysql.err.OperationalError(number, message)
    error.sqlstate = "HY000"
    return error


def wrapped(error, *, invalidated=False):
    return DBAPIError("SELECT 1", {}, error, connection_invalidated=invalidated)


READ_ONLY = [
    psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"),
    of_mysql(1290, "running with the --read-only option"),
    of_mysql(1792, "Cannot execute statement in a READ ONLY transaction"),
    of_mysql(1836, "Running in read-only mode"),
]
MIXED_UP = [
    psycopg.errors.DuplicatePreparedStatement("prepared statement _pg3_0 already exists"),
    psycopg.errors.InvalidSqlStatementName("prepared statement _pg3_0 does not exist"),
]
OVER = [
    psycopg.errors.AdminShutdown("terminating connection due to administrator command"),
    psycopg.errors.CrashShutdown("terminating connection because of crash"),
    psycopg.errors.CannotConnectNow("the database system is starting up"),
    psycopg.errors.IdleInTransactionSessionTimeout("terminating connection"),
    psycopg.errors.ConnectionFailure("gone"),
    psycopg.errors.SqlclientUnableToEstablishSqlconnection("gone"),
    of_mysql(1927, "Connection was killed"),
    of_mysql(2006, "MySQL server has gone away"),
    of_mysql(2013, "Lost connection to MySQL server during query"),
    of_mysql(4031, "The client was disconnected by the server"),
]
OTHERS = [
    psycopg.errors.UniqueViolation("duplicate key"),
    psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"),
    psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
    psycopg.errors.DeadlockDetected("deadlock detected"),
    of_mysql(1205, "Lock wait timeout exceeded"),
    of_mysql(1969, "max_statement_time exceeded"),
    sqlite3.OperationalError("database is locked"),
]


@pytest.mark.parametrize("error", READ_ONLY, ids=repr)
def test_with_a_server_that_only_reads_all_its_sessions_go(error):
    assert thrown_away(error) == (True, True)
    again = wrapped(error, invalidated=True)
    # Not the same as a lost one, which is tried once more: the next server may not be ready yet.
    assert (is_worth_a_rerun(again), is_lost(again)) == (True, False)


@pytest.mark.parametrize("error", MIXED_UP, ids=repr)
def test_a_session_whose_prepared_statements_are_mixed_up_goes_alone(error):
    assert thrown_away(error) == (True, False)
    again = wrapped(error, invalidated=True)
    assert (is_worth_a_rerun(again), is_lost(again)) == (True, False)


@pytest.mark.parametrize("error", OVER, ids=repr)
def test_a_session_that_is_over_is_lost(error):
    assert thrown_away(error) == (True, True)
    again = wrapped(error, invalidated=True)
    assert (is_worth_a_rerun(again), is_lost(again)) == (True, True)


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_any_other_error_leaves_the_session_alone(error):
    assert thrown_away(error) == (False, False)
    assert not is_lost(wrapped(error))


def test_what_others_locked_is_worth_a_rerun():
    found = [(is_lock_timeout(wrapped(one)), is_worth_a_rerun(wrapped(one))) for one in OTHERS]
    assert found == [
        (False, False),
        (True, True),
        (False, False),
        (False, True),
        (True, True),
        (False, False),
        (True, True),
    ]

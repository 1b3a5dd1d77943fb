"""The limits of the ledger's sessions, as real servers apply them."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.testing.builders import make_event, make_subscription
from tests.services import silence

DATABASES = ["PostgreSql", "MariaDb"]
SHORT = LedgerOptions(
    connect_timeout=2,
    lock_timeout=1,
    statement_timeout=4,
    cleanup_statement_timeout=60,
    idle_timeout=3,
)
PATIENCE = 30.0
SHOWN = {
    "postgresql": {
        "lock_timeout": "1s",
        "statement_timeout": "4s",
        "idle_in_transaction_session_timeout": "3s",
    },
    "mysql": {
        "@@innodb_lock_wait_timeout": 1,
        "@@lock_wait_timeout": 1,
        "@@max_statement_time": 4,
        "@@idle_transaction_timeout": 3,
    },
}
SLEEP = {"postgresql": "SELECT pg_sleep({})", "mysql": "SELECT SLEEP({})"}


@pytest.fixture(params=DATABASES)
def server(request, start_server):
    return start_server(request.param)


@pytest.fixture
def url(server):
    return server.new_ledger()


@pytest.fixture
def open_ledger():
    opened = []

    def open_one(url, options=SHORT):
        opened.append(SqlLedger(url, cipher=Cipher([]), options=options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def ledger(open_ledger, url):
    return open_ledger(url)


def limits_of(connection):
    shown = SHOWN[connection.dialect.name]
    verb = "SHOW" if connection.dialect.name == "postgresql" else "SELECT"
    return {one: connection.exec_driver_sql(f"{verb} {one}").scalar_one() for one in shown}


def sleep(tx, seconds):
    connection = tx._sql.connection
    statement = SLEEP[connection.dialect.name].format(seconds)
    return connection.exec_driver_sql(statement).scalar_one()


def test_every_session_has_limits_and_the_clean_up_has_more_time(ledger, url):
    for engine in ledger._engines:
        patient = engine is ledger._patient
        with engine.connect() as connection:
            name = connection.dialect.name
            # In a transaction that was rolled back they stay.
            connection.rollback()
            expected = dict(SHOWN[name])
            if patient:
                statement = {"postgresql": "statement_timeout", "mysql": "@@max_statement_time"}
                expected[statement[name]] = "1min" if name == "postgresql" else 60
            assert limits_of(connection) == expected


def plans_of(transaction):
    return transaction._sql.connection.exec_driver_sql("SHOW enable_seqscan").scalar_one()


@pytest.mark.parametrize("begins", ["run", "read"])
def test_what_writes_looks_its_rows_up_and_what_reads_may_scan(start_server, open_ledger, begins):
    ledger = open_ledger(start_server("PostgreSql").new_database())
    wanted = {"run": "off", "read": "on"}
    other = "read" if begins == "run" else "run"
    for name in (begins, other, other, begins, begins, other):
        assert getattr(ledger, name)(plans_of) == wanted[name]

        # What is rolled back takes its settings along.
        def fail(transaction):
            plans_of(transaction)
            raise KeyError

        for failing in (begins, other):
            with pytest.raises(KeyError):
                getattr(ledger, failing)(fail)


def test_the_sessions_of_callers_are_left_alone(ledger, url):
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        before = limits_of(connection)
        ledger.join(connection).events.insert([make_event()], due_in=0.0)
        assert limits_of(connection) == before != SHOWN[connection.dialect.name]
    engine.dispose()


def test_a_statement_that_takes_too_long_is_ended_and_named(ledger):
    with pytest.raises(LedgerUnavailable, match="longer than LEDGER_OPTIONS allow"):
        ledger.run(lambda tx: sleep(tx, 20))
    # What takes longer than connecting may, but not too long, is waited for.
    ledger.run(lambda tx: sleep(tx, 3))
    ledger.run(lambda tx: sleep(tx, 5), patient=True)


def test_a_lock_that_others_keep_is_waited_for_as_often_as_needed(ledger):
    number = ledger.run(lambda tx: tx.subscriptions.insert(make_subscription()))
    locked = threading.Event()
    calls = []

    def keep(tx):
        calls.append(tx)
        tx.subscriptions.lock_one(number)
        locked.set()
        if len(calls) == 1:
            # Beyond the server's patience with idle transactions: it rolls back.
            time.sleep(5)

    other = threading.Thread(target=ledger.run, args=(keep,))
    other.start()
    assert locked.wait(PATIENCE)
    disabled = SubscriptionStatus.DISABLED
    ledger.run(lambda tx: tx.subscriptions.set_status([number], disabled))
    other_still_sleeps = other.is_alive()
    other.join()

    assert ledger.run(lambda tx: tx.subscriptions.status(number)) is disabled
    assert other_still_sleeps
    # Its session was gone, and the transaction was run again.
    assert len(calls) == 2


def test_a_server_that_says_nothing_is_given_up(open_ledger, server, url):
    with silence.before(server.port) as proxy:
        made = open_ledger(sa.make_url(url).set(port=proxy.port).render_as_string(False))
        made.run(lambda tx: tx.now())
        proxy.hush()
        for use in (made.run, made.read):
            begun = time.monotonic()
            with pytest.raises(LedgerUnavailable):
                use(lambda it: it.now())
            assert time.monotonic() - begun < PATIENCE
        proxy.speak()
        assert made.run(lambda tx: tx.now())


def test_a_connection_that_is_given_up_is_closed(open_ledger, server, url, caplog):
    """It is still waiting for its answer: nothing else can be said on it, not even a rollback."""
    with silence.before(server.port) as proxy:
        made = open_ledger(sa.make_url(url).set(port=proxy.port).render_as_string(False))
        calls = []

        def work(tx):
            calls.append(tx)
            if len(calls) == 1:
                sleep(tx, 0)
                proxy.hush()
                try:
                    sleep(tx, 0)
                finally:
                    proxy.speak()

        made.run(work)
    assert len(calls) == 2
    said = [one.getMessage() for one in caplog.records if one.levelname != "DEBUG"]
    assert said == ["a connection to the ledger gave no answer; trying a new one"]


def test_a_connection_is_not_waited_for_for_ever(open_ledger, server, url):
    with silence.before(server.port) as proxy:
        made = open_ledger(sa.make_url(url).set(port=proxy.port).render_as_string(False))
        proxy.hush()
        begun = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            made.run(lambda tx: tx.now())
        assert time.monotonic() - begun < PATIENCE

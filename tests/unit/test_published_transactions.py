"""`published_events` in transactions: what is rolled back was never published."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from asyncevents_core import AsyncEvents
from asyncevents_core.testing import record_published_events


@pytest.fixture
def engine(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    yield engine
    engine.dispose()


@pytest.fixture
def events():
    return AsyncEvents({"EVENTS": {"order.created": {}}})


@pytest.fixture
def publish(events):
    def publish(number, session=None):
        events.publish("order.created", {"id": number}, session=session)

    return publish


@pytest.fixture
def ids(published_events):
    return lambda: [one.data["id"] for one in published_events]


def test_a_rollback_takes_back_what_was_published_in_it(engine, publish, ids):
    publish(0)
    with Session(engine) as session:
        publish(1, session)
        assert ids() == [0, 1]
        session.rollback()
        assert ids() == [0]
        publish(2, session)
        session.commit()
        publish(3, session)
        session.rollback()
    publish(4)
    assert ids() == [0, 2, 4]


def test_a_session_that_is_closed_was_rolled_back(engine, publish, ids):
    with Session(engine) as session:
        publish(1, session)
    assert ids() == []
    with engine.connect() as connection:
        publish(2, connection)
    assert ids() == []


def test_an_exception_in_the_block_is_a_rollback(engine, publish, ids):
    with suppress(KeyError), Session(engine) as session, session.begin():
        publish(1, session)
        raise KeyError
    with Session(engine) as session, session.begin():
        publish(2, session)
    assert ids() == [2]


def test_savepoints(engine, publish, ids):
    with Session(engine) as session, session.begin():
        publish(1, session)
        with suppress(KeyError), session.begin_nested():
            publish(2, session)
            with session.begin_nested():
                publish(3, session)
            assert ids() == [1, 2, 3]
            raise KeyError
        assert ids() == [1]
        with session.begin_nested():
            publish(4, session)
            inner = session.begin_nested()
            publish(5, session)
            inner.rollback()
            publish(6, session)
    assert ids() == [1, 4, 6]


def test_a_released_savepoint_goes_with_its_transaction(engine, publish, ids):
    with engine.connect() as connection:
        with connection.begin_nested():
            publish(1, connection)
        assert ids() == [1]
        connection.rollback()
        assert ids() == []


def test_savepoints_in_sql(engine, publish, ids):
    with engine.connect() as connection, connection.begin():
        publish(1, connection)
        connection.exec_driver_sql("savepoint one")
        publish(2, connection)
        connection.exec_driver_sql("rollback to one")
        publish(3, connection)
        connection.execute(sa.text('ROLLBACK TO SAVEPOINT "one"'))
        publish(4, connection)
        connection.exec_driver_sql("SAVEPOINT two")
        publish(5, connection)
        connection.exec_driver_sql("RELEASE SAVEPOINT two")
        assert ids() == [1, 4, 5]
        connection.exec_driver_sql("ROLLBACK TO one")
        assert ids() == [1]


def test_a_savepoint_that_began_before_the_recording(engine, events):
    with engine.connect() as connection, connection.begin():
        savepoint = connection.begin_nested()
        with record_published_events() as published:
            events.publish("order.created", {"id": 1}, session=connection)
            savepoint.rollback()
            assert list(published) == []
            events.publish("order.created", {"id": 2}, session=connection)
            assert len(published) == 1
            connection.get_transaction().rollback()
            assert list(published) == []


def test_tests_that_never_commit_see_what_was_published(engine, publish, ids):
    """The usual fixture: a session in a transaction that is rolled back when the test ends."""
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            publish(1, session)
            session.commit()
            publish(2, session)
            session.rollback()
            publish(3, session)
            session.commit()
        assert ids() == [1, 3]
        outer.rollback()
    assert ids() == []


def test_connections_do_not_take_each_others_events_back(engine, publish, ids):
    with engine.connect() as one, engine.connect() as other:
        publish(1, one)
        publish(2, other)
        one.rollback()
        assert ids() == [2]
        other.commit()
    assert ids() == [2]


def test_scoped_and_async_sessions(engine, events, publish, ids, tmp_path):
    session = scoped_session(sessionmaker(engine))
    publish(1, session)
    session.rollback()
    publish(2, session)
    session.commit()
    session.remove()

    async def later():
        other = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/other.db")
        async with AsyncSession(other) as session:
            await events.apublish("order.created", {"id": 3}, session=session)
            await session.rollback()
            await events.apublish("order.created", {"id": 4}, session=session)
            await session.commit()
        await other.dispose()

    asyncio.run(later())
    assert ids() == [2, 4]


def test_in_autocommit_there_is_nothing_to_roll_back(engine, publish, ids):
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        publish(1, connection)
        connection.rollback()
    assert ids() == [1]


def test_nothing_is_heard_any_more_afterwards(engine, events):
    with record_published_events() as published, Session(engine) as session:
        events.publish("order.created", {"id": 1}, session=session)
        session.commit()
    with record_published_events() as others:
        assert list(others) == []
    assert len(published) == 1
    assert not sa.event.contains(sa.Engine, "rollback", print)


DJANGO = """
import unittest
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[],
)
django.setup()
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from django.test.utils import get_runner
from asyncevents_core import AsyncEvents
from asyncevents_core.errors import LedgerProtected
from asyncevents_core.testing import record_published_events

events = AsyncEvents({"EVENTS": {"order.created": {}}, "LEDGER_URL": "sqlite:///live.db"})

def publish(number):
    events.publish("order.created", {"id": number}, connection=connection)

class Both:
    def setUp(self):
        recording = record_published_events()
        self.published = recording.__enter__()
        self.addCleanup(recording.__exit__, None, None, None)

    def ids(self):
        return [one.data["id"] for one in self.published]

    def test_transactions(self):
        with transaction.atomic():
            publish(1)
            try:
                with transaction.atomic():
                    publish(2)
                    with transaction.atomic():
                        publish(3)
                    raise KeyError
            except KeyError:
                pass
            self.assertEqual(self.ids(), [1])
            with transaction.atomic():
                publish(4)
        self.assertEqual(self.ids(), [1, 4])
        try:
            with transaction.atomic():
                publish(5)
                raise KeyError
        except KeyError:
            pass
        publish(6)
        self.assertEqual(self.ids(), [1, 4, 6])

class InTransaction(Both, TestCase):
    def test_callbacks_that_the_test_runs(self):
        with self.captureOnCommitCallbacks(execute=True):
            publish(1)
        self.assertEqual(self.ids(), [1])

class Committing(Both, TransactionTestCase):
    pass

class Unrecorded(TestCase):
    def test_the_ledger_is_protected(self):
        with self.assertRaisesRegex(LedgerProtected, "Django's test runner"):
            publish(1)

runner = get_runner(settings)(verbosity=0)
suite = unittest.defaultTestLoader.loadTestsFromModule(__import__("__main__"))
runner.setup_test_environment()
databases = runner.setup_databases()
result = runner.run_suite(suite)
runner.teardown_databases(databases)
runner.teardown_test_environment()
assert result.testsRun == 4, result
raise SystemExit(0 if result.wasSuccessful() else 1)
"""


def test_django(tmp_path):
    (tmp_path / "shop_tests.py").write_text(textwrap.dedent(DJANGO))
    done = subprocess.run(
        [sys.executable, "shop_tests.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "live.db").exists()

"""publish() within the caller's transaction: rolled back it never happened, committed it does."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from asyncevents_core.errors import EventConflict, ForeignTransaction
from tests.integration.project import PATIENCE, eventually


@pytest.fixture
def events(project):
    with project.events() as events:
        yield events


@pytest.fixture
def engine(project):
    engine = sa.create_engine(project.settings["LEDGER_URL"])
    # Python's driver begins no transaction before a SAVEPOINT by itself, so that its release
    # would commit: the remedy that SQLAlchemy documents.
    sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE note (id INTEGER PRIMARY KEY)"))
    yield engine
    engine.dispose()


@pytest.fixture
def handed(events, monkeypatch):
    """The ids that were handed over."""
    handed = []
    events.publish("order.created", {})
    monkeypatch.setattr(events._opened.publisher._carrier, "submit", handed.extend)
    return handed


def names(project) -> int:
    return len(project.rows("published")) - 1


def test_a_session_that_commits(project, events, engine, handed):
    with Session(engine) as session:
        session.execute(sa.text("INSERT INTO note VALUES (1)"))
        made = events.publish("order.created", {"id": 1}, session=session)
        assert handed == []
        session.commit()
    assert handed == [made]
    assert names(project) == 1


def test_a_session_that_rolls_back(project, events, engine, handed):
    with Session(engine) as session:
        events.publish("order.created", {"id": 1}, session=session)
        session.rollback()
        session.execute(sa.text("INSERT INTO note VALUES (2)"))
        session.commit()
    assert handed == []
    assert names(project) == 0


def test_a_scoped_session(project, events, engine, handed):
    sessions = scoped_session(sessionmaker(engine))
    made = events.publish("order.created", {"id": 1}, session=sessions)
    assert handed == []
    sessions.commit()
    assert handed == [made]
    events.publish("order.created", {"id": 2}, session=sessions)
    sessions.remove()
    assert names(project) == 1


def test_a_savepoint_that_is_released_is_no_commit(project, events, engine, handed):
    with Session(engine) as session:
        with session.begin_nested():
            events.publish("order.created", {"id": 1}, session=session)
        assert handed == []
        session.rollback()
    assert handed == []
    assert names(project) == 0
    with Session(engine) as session, session.begin():
        with session.begin_nested():
            made = events.publish("order.created", {"id": 2}, session=session)
        assert handed == []
    assert handed == [made]
    assert names(project) == 1


def test_a_savepoint_that_is_rolled_back_takes_its_event_along(project, events, engine, handed):
    with Session(engine) as session, session.begin():
        kept = events.publish("order.created", {"id": 1}, session=session)
        savepoint = session.begin_nested()
        events.publish("order.created", {"id": 2}, session=session)
        savepoint.rollback()
    assert kept in handed
    assert names(project) == 1


def test_one_session_for_many_transactions(project, events, engine, handed):
    with Session(engine) as session:
        made = []
        for n in range(5):
            made.append(events.publish("order.created", {"n": n}, session=session))
            session.commit()
            events.publish("order.created", {"n": -n}, session=session)
            session.rollback()
    assert handed == made
    assert names(project) == 5


def test_a_connection(project, events, engine, handed):
    with engine.connect() as connection:
        first = events.publish("order.created", {"id": 1}, session=connection)
        with connection.begin_nested():
            second = events.publish("order.created", {"id": 2}, session=connection)
        assert handed == []
        connection.commit()
        assert handed == [first, second]
        events.publish("order.created", {"id": 3}, session=connection)
        connection.rollback()
    assert handed == [first, second]
    assert names(project) == 2


@pytest.mark.parametrize("use", [Session, sa.Engine.connect])
def test_in_autocommit_it_is_handed_over_at_once(project, events, handed, use):
    autocommit = sa.create_engine(project.settings["LEDGER_URL"], isolation_level="AUTOCOMMIT")
    with use(autocommit) as session:
        made = events.publish("order.created", {"id": 1}, session=session)
        assert handed == [made]
        named = events.publish("order.created", {"id": 2}, session=session, event_id="two")
        assert handed == [made, named]
        session.commit()
    autocommit.dispose()
    assert handed == [made, named]
    assert names(project) == 2


def test_a_session_on_a_connection_that_commits_later(project, events, engine, handed):
    with engine.connect() as connection, connection.begin() as outer:
        session = Session(connection, join_transaction_mode="create_savepoint")
        made = events.publish("order.created", {"id": 1}, session=session)
        session.commit()
        session.close()
        assert handed == []
        outer.commit()
        assert handed == [made]
    assert names(project) == 1


def test_event_ids_are_checked_within_the_transaction(project, events, engine):
    with Session(engine) as session, session.begin():
        one = events.publish("order.created", {"id": 1}, event_id="a", session=session)
        assert events.publish("order.created", {"id": 1}, event_id="a", session=session) == one
        with pytest.raises(EventConflict):
            events.publish("order.created", {"id": 2}, event_id="a", session=session)
    assert len(project.rows("published")) == 1


async def test_an_async_session(project, events, handed):
    url = project.settings["LEDGER_URL"].replace("sqlite:", "sqlite+aiosqlite:")
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        made = await events.apublish("order.created", {"id": 1}, session=session)
        await session.commit()
        await events.apublish("order.created", {"id": 2}, session=session)
        await session.rollback()
        with pytest.raises(ForeignTransaction, match="apublish"):
            events.publish("order.created", {}, session=session)
    await engine.dispose()
    assert handed == [made]
    assert names(project) == 1


async def test_without_a_session_apublish_does_not_block(project, events):
    first = await events.apublish("order.created", {"id": 1})
    more = await events.apublish_many([("order.created", {"id": n}) for n in (2, 3)])
    assert {row["event_id"] for row in project.rows("published")} == {str(first), *map(str, more)}


def test_a_dbapi_connection(project, events):
    connection = sqlite3.connect(project.folder / "ledger.db")
    kept = events.publish("order.created", {"id": 1}, connection=connection)
    connection.commit()
    events.publish("order.created", {"id": 2}, connection=connection)
    connection.rollback()
    again = events.publish("order.created", {"id": 3}, event_id="x", connection=connection)
    assert events.publish("order.created", {"id": 3}, event_id="x", connection=connection) == again
    connection.commit()
    connection.close()
    rows = project.rows("published")
    assert {row["event_id"] for row in rows} == {str(kept), str(again)}
    backlog = events.runtime.ledger.read(lambda view: view.backlog())
    assert backlog.events_due == 2


def test_a_dbapi_connection_whose_rows_are_dictionaries(project, events):
    connection = sqlite3.connect(project.folder / "ledger.db")
    connection.row_factory = lambda cursor, row: {
        column[0]: value for column, value in zip(cursor.description, row, strict=True)
    }
    one = events.publish("order.created", {"id": 1}, event_id="x", connection=connection)
    assert events.publish("order.created", {"id": 1}, event_id="x", connection=connection) == one
    connection.commit()
    connection.close()
    assert [row["event_id"] for row in project.rows("published")] == [str(one)]


DJANGO = """
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "ledger.db"}},
    USE_TZ=True,
)
django.setup()
from django.db import connection, transaction
from asyncevents_core import AsyncEvents

events = AsyncEvents()
with transaction.atomic():
    events.publish("order.created", {"kept": 1}, connection=connection)
    events.publish("order.created", {"kept": 2}, event_id="x", connection=connection)
    try:
        with transaction.atomic():
            events.publish("order.created", {"kept": False}, connection=connection)
            raise KeyError
    except KeyError:
        pass
try:
    with transaction.atomic():
        events.publish("order.created", {"kept": False}, connection=connection)
        raise KeyError
except KeyError:
    pass
with transaction.atomic():
    connection.ensure_connection()
    events.publish("order.created", {"kept": 3}, connection=connection.connection)
"""


def test_django(project):
    done = project.start_python("-W", "error", "-c", textwrap.dedent(DJANGO))
    _, errors = done.communicate(timeout=PATIENCE)
    assert done.returncode == 0, errors
    assert sorted(row["data"]["kept"] for row in project.rows("published")) == [1, 2, 3]


def test_transactions_that_cannot_carry_an_event(tmp_path, events, engine):
    other = sa.create_engine(f"sqlite:///{tmp_path}/other.db")
    with (
        Session(other) as session,
        pytest.raises(ForeignTransaction, match=r"no ledger tables.*asyncevents db upgrade"),
    ):
        events.publish("order.created", {}, session=session)
    other.dispose()
    foreign = sqlite3.connect(tmp_path / "other.db")
    with pytest.raises(ForeignTransaction, match="no ledger tables"):
        events.publish("order.created", {}, connection=foreign)
    foreign.close()
    with pytest.raises(ForeignTransaction, match="got str"):
        events.publish("order.created", {}, session="a session")
    with Session(engine) as session, pytest.raises(TypeError, match="not both"):
        events.publish("order.created", {}, session=session, connection=object())


FORKS = """
import os, sys
from asyncevents_core import AsyncEvents
events = AsyncEvents()
events.publish("order.created", {"from": "parent"})
assert events.flush(60)
children = []
for number in range(3):
    pid = os.fork()
    if pid == 0:
        events.publish("order.created", {"from": number})
        code = 0 if events.flush(60) else 1
        events.close()
        os._exit(code)
    children.append(pid)
codes = [os.waitpid(pid, 0)[1] for pid in children]
events.publish("order.created", {"from": "parent again"})
assert events.flush(60)
events.close()
sys.exit(max(codes))
"""


def test_a_publisher_made_before_a_fork_works_in_the_children(project, inbox):
    # For the broker's sake: otherwise workers see events in the ledger's file.
    project.settings["MAGENTO_MESSAGES_ENABLED"] = True
    project.write_settings()
    done = subprocess.run(
        [sys.executable, "-c", FORKS],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert len(project.rows("published")) == 5
    assert len(set(handed_over(project, 5))) == 5


def handed_over(project, count):
    """Receive the ids that were handed to the broker, until there are so many."""
    ids = []
    with project.events() as events:
        consumer = events.runtime.broker.consumer(prefetch=100)

        def complete() -> bool:
            ids.extend(one for message in consumer.receive(2.0) for one in message.ids)
            return len(ids) >= count

        eventually(complete, what=f"{count} ids")
        consumer.close()
    assert len(ids) == count
    return ids

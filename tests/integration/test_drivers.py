"""Sessions of the drivers that applications use, beside the ledger's own."""

from __future__ import annotations

import json

import psycopg
import psycopg.rows
import psycopg2
import psycopg2.extras
import pymysql
import pymysql.cursors
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from asyncevents_core.errors import EventConflict

REQUESTS = [
    ("order.created", {"n": 1, "text": "100 % 'ü' \\ 🐎"}),
    ("order.loaded", {"n": 2}),
    ("order.created", {"n": 3}),
]


@pytest.fixture
def project(make_project, start_server):
    return make_project(
        LEDGER_URL=start_server("PostgreSql").new_database(),
        EVENTS={"order.created": {}, "order.loaded": {"service": "shop:load"}},
    )


def url_of(project, driver):
    return project.settings["LEDGER_URL"].replace("+psycopg", f"+{driver}")


def published(project):
    return sorted((row["data"] for row in project.rows("published")), key=json.dumps)


def expected(*more):
    return sorted([*(data for _, data in REQUESTS), *more], key=json.dumps)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_session(project, driver):
    engine = sa.create_engine(url_of(project, driver))
    with project.events() as events:
        with Session(engine) as session, session.begin():
            events.publish_many(REQUESTS, session=session)
            events.publish("order.created", {"n": 4}, session=session, event_id="four")
        with Session(engine) as session:
            events.publish_many(REQUESTS, session=session)
            session.rollback()
    engine.dispose()
    assert published(project) == expected({"n": 4})


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
async def test_in_autocommit_it_is_handed_over_at_once(project, driver, monkeypatch):
    handed = []
    with project.events() as events:
        events.publish("order.created", {"n": 0})
        monkeypatch.setattr(events._opened.hand_off, "submit", handed.extend)
        if driver == "asyncpg":
            engine = create_async_engine(url_of(project, driver), isolation_level="AUTOCOMMIT")
            async with engine.connect() as connection:
                made = await events.apublish("order.created", {"n": 1}, session=connection)
                assert handed == [made]
            await engine.dispose()
        else:
            engine = sa.create_engine(url_of(project, driver), isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                made = events.publish("order.created", {"n": 1}, session=connection)
                assert handed == [made]
            engine.dispose()
            plain = sa.create_engine(url_of(project, driver))
            with plain.connect() as connection:
                later = events.publish("order.created", {"n": 2}, session=connection)
                assert handed == [made]
                connection.commit()
                assert handed == [made, later]
            plain.dispose()


async def test_an_async_session_of_asyncpg(project):
    engine = create_async_engine(url_of(project, "asyncpg"))
    with project.events() as events:
        async with AsyncSession(engine) as session, session.begin():
            await events.apublish_many(REQUESTS, session=session)
            await events.apublish("order.created", {"n": 4}, session=session, event_id="four")
        async with AsyncSession(engine) as session:
            await events.apublish_many(REQUESTS, session=session)
            await session.rollback()
    await engine.dispose()
    assert published(project) == expected({"n": 4})


def raw(project, connect, **options):
    url = sa.make_url(project.settings["LEDGER_URL"])
    names = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    return connect(**names, database=url.database, **options)


@pytest.mark.parametrize(
    ("connect", "options"),
    [
        (psycopg2.connect, {}),
        (psycopg2.connect, {"cursor_factory": psycopg2.extras.RealDictCursor}),
        (psycopg2.connect, {"cursor_factory": psycopg2.extras.NamedTupleCursor}),
        (psycopg.connect, {}),
        (psycopg.connect, {"row_factory": psycopg.rows.dict_row}),
        (psycopg.connect, {"row_factory": psycopg.rows.namedtuple_row}),
    ],
)
def test_a_dbapi_connection(project, connect, options):
    if connect is psycopg.connect:
        connection = psycopg.connect(
            project.settings["LEDGER_URL"].replace("+psycopg", ""), **options
        )
    else:
        connection = raw(project, connect, **options)
    publish_twice(project, connection)


def publish_twice(project, connection):
    """With an id of the application's, within one transaction and after it."""
    with project.events() as events:
        made = [
            events.publish("order.created", {"n": 1}, event_id="one", connection=connection)
            for _ in range(2)
        ]
        connection.commit()
        made.append(events.publish("order.created", {"n": 1}, event_id="one"))
    connection.close()
    assert len(set(made)) == 1
    assert published(project) == [{"n": 1}]


class TestMariaDb:
    """Applications on MariaDB, which repeat what they have read unless they ask for other."""

    @pytest.fixture
    def project(self, make_project, start_server):
        return make_project(
            LEDGER_URL=start_server("MariaDb").new_database(), EVENTS={"order.created": {}}
        )

    def test_in_autocommit_and_two_phases(self, project, monkeypatch):
        handed = []
        engine = sa.create_engine(project.settings["LEDGER_URL"])
        with project.events() as events:
            events.publish("order.created", {"n": 0})
            monkeypatch.setattr(events._opened.hand_off, "submit", handed.extend)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                made = events.publish("order.created", {"n": 1}, session=connection)
                assert handed == [made]
            with engine.connect() as connection, connection.begin_twophase() as transaction:
                later = events.publish("order.created", {"n": 2}, session=connection)
                transaction.prepare()
                assert handed == [made]
                transaction.commit()
                assert handed == [made, later]
        engine.dispose()

    @pytest.mark.parametrize("cursor", ["Cursor", "DictCursor"])
    def test_a_dbapi_connection(self, project, cursor):
        kind = getattr(pymysql.cursors, cursor)
        publish_twice(project, raw(project, pymysql.connect, cursorclass=kind))

    @pytest.mark.parametrize("scheme", ["mariadb", "mysql"])
    def test_what_others_published_since_the_first_read_is_found(self, project, scheme):
        url = sa.make_url(project.settings["LEDGER_URL"]).set(drivername=f"{scheme}+pymysql")
        engine = sa.create_engine(url)
        with project.events() as events, Session(engine) as session:
            session.execute(sa.text("SELECT COUNT(*) FROM asyncevents_meta")).all()
            other = events.publish("order.created", {"n": 1}, event_id="one")
            mine = events.publish("order.created", {"n": 1}, event_id="one", session=session)
            with pytest.raises(EventConflict, match="another name, tenant or"):
                events.publish("order.created", {"n": 2}, event_id="one", session=session)
            session.commit()
        engine.dispose()
        assert mine == other
        assert published(project) == [{"n": 1}]

    def test_a_dbapi_connection_finds_it_too(self, project):
        connection = raw(project, pymysql.connect)
        with project.events() as events, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM asyncevents_meta")
            other = events.publish("order.created", {"n": 1}, event_id="one")
            mine = events.publish("order.created", {"n": 1}, event_id="one", connection=connection)
            connection.commit()
        connection.close()
        assert mine == other

"""Ledgers in schemas of their own: in one database, and whatever search_path says."""

from __future__ import annotations

import asyncio
import json

import psycopg
import psycopg2
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.sqlalchemy import migrating
from asyncevents_core.errors import ForeignTransaction, LedgerNotMigrated
from tests.integration.inbox import SECRET
from tests.services.databases import PgBouncer


@pytest.fixture
def url(start_server):
    return start_server("PostgreSql").new_database()


def dsn(url):
    made = sa.make_url(url)
    return f"host={made.host} port={made.port} user=postgres dbname={made.database}"


def run_sql(url, *statements):
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for one in statements:
            connection.exec_driver_sql(one)
    engine.dispose()


def test_two_ledgers_in_one_database(make_project, make_inbox, url):
    projects = [make_project(LEDGER_URL=url, LEDGER_SCHEMA=one) for one in ("shop", "E-r$P")]
    sent = []
    for project in projects:
        inbox = make_inbox(fail_first=1)
        project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
        with project.events() as events:
            sent.append((inbox, events.publish("order.created", {"n": len(sent)})))
    for project in projects:
        project.run("worker", "--drain")
    for project, (inbox, event_id) in zip(projects, sent, strict=True):
        assert [one.event_id for one in inbox.accepted] == [str(event_id)]
        findings = {one["what"]: one for one in project.rows("check")}
        assert findings["ledger"]["state"] == findings["trial tables"]["state"] == "ok"
        assert f" in {project.settings['LEDGER_SCHEMA']}, " in findings["ledger"]["detail"]
        # The first attempt failed.
        assert len(project.rows("logs")) == 2
        assert project.rows("status")
        project.run("cleanup", "--days", "1", "--yes")


@pytest.fixture
def project(make_project, url):
    return make_project(LEDGER_URL=url, LEDGER_SCHEMA="shop")


def published(project):
    return sorted(row["data"]["n"] for row in project.rows("published"))


def test_sessions_of_the_application(project, url):
    engine = sa.create_engine(url)
    with project.events() as events:
        with Session(engine) as session, session.begin():
            events.publish("order.created", {"n": 1}, session=session, event_id="one")
            # What the application does without a schema is left alone.
            session.execute(sa.text("CREATE TABLE theirs (id INT)"))
            assert session.execute(sa.text("SELECT count(*) FROM theirs")).scalar() == 0
        for number, driver in ((2, psycopg), (3, psycopg2)):
            connection = driver.connect(dsn(url))
            for _ in range(2):
                events.publish(
                    "order.created", {"n": number}, connection=connection, event_id=str(number)
                )
            connection.commit()
            connection.close()
        with Session(engine) as session:
            events.publish("order.created", {"n": 9}, session=session)
            session.rollback()

        async def publish():
            made = create_async_engine(url.replace("+psycopg", "+asyncpg"))
            async with AsyncSession(made) as session, session.begin():
                await events.apublish("order.created", {"n": 4}, session=session)
            await made.dispose()

        asyncio.run(publish())
    engine.dispose()
    assert published(project) == [1, 2, 3, 4]


def test_an_application_whose_sessions_translate_schemas_itself(project, url):
    engine = sa.create_engine(url, execution_options={"schema_translate_map": {None: "theirs"}})
    theirs = sa.Table("thing", sa.MetaData(), sa.Column("id", sa.Integer))
    run_sql(url, "CREATE SCHEMA theirs")
    with project.events() as events, Session(engine) as session, session.begin():
        theirs.create(session.connection())
        events.publish("order.created", {"n": 1}, session=session)
        session.execute(theirs.insert(), {"id": 1})
        assert session.scalar(sa.select(theirs.c.id)) == 1
    assert sa.inspect(engine).get_table_names(schema="theirs") == ["thing"]
    engine.dispose()
    assert published(project) == [1]


def test_a_database_without_it_is_said(project, start_server, url):
    other = start_server("PostgreSql").new_database()
    with (
        project.events() as events,
        psycopg.connect(dsn(other)) as empty,
        pytest.raises(ForeignTransaction),
    ):
        events.publish("order.created", {}, connection=empty)
    settings = {**project.settings, "LEDGER_SCHEMA": None}
    with AsyncEvents(settings) as events, pytest.raises(LedgerNotMigrated):
        events.runtime.ledger.check()


def test_a_user_who_may_make_no_schemas_uses_one_that_is_there(start_server, url):
    server = start_server("PostgreSql")
    name = sa.make_url(url).database
    run_sql(
        url,
        f"CREATE ROLE r_{name} LOGIN",
        f"REVOKE CREATE ON DATABASE {name} FROM PUBLIC",
        f"CREATE SCHEMA events AUTHORIZATION r_{name}",
    )
    user = sa.make_url(url).set(username=f"r_{name}").render_as_string()
    settings = {"LEDGER_URL": user, "LEDGER_SCHEMA": "events", "EVENTS": {"a": {}}}
    with AsyncEvents(settings) as events:
        assert events.upgrade() == migrating.REVISION
        assert events.upgrade() == migrating.REVISION
        events.publish("a", {})
    with (
        AsyncEvents({**settings, "LEDGER_SCHEMA": "nowhere"}) as events,
        pytest.raises(Exception, match="permission denied for database"),
    ):
        events.upgrade()
    assert server.running


def test_behind_a_pooler(start_server, url):
    pooler = PgBouncer(start_server("PostgreSql"))
    pooler.start()
    try:
        settings = {
            "LEDGER_URL": pooler.before(url),
            "LEDGER_SCHEMA": "shop",
            "EVENTS": {"a": {}},
        }
        with AsyncEvents(settings) as events:
            events.upgrade()
            event_id = events.publish("a", {"n": 1})
            found = events.runtime.ledger.read(lambda view: view.events.get(event_id))
            assert json.loads(found.body)["data"] == {"n": 1}
            events.runtime.ledger.check()
    finally:
        pooler.remove()
    engine = sa.create_engine(url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_who_holds_locks_on_another_ledger_in_the_database_is_not_named(make_project, url):
    ours, theirs = (make_project(LEDGER_URL=url, LEDGER_SCHEMA=one) for one in ("ours", "theirs"))
    with psycopg.connect(dsn(url)) as holder:
        holder.execute("LOCK TABLE theirs.asyncevents_task IN ROW EXCLUSIVE MODE")
        for project, count in ((ours, 0), (theirs, 1)):
            with project.events() as events:
                locks = events.runtime.ledger.read(lambda view: view.server.locks(idle=0.0))
            assert len(locks.holders) == count

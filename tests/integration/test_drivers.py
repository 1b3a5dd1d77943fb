"""Sessions of the drivers that applications use, beside the ledger's own."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

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

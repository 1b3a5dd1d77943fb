"""Litestar: the plugin, with plain sessions and with Litestar's own plugin for SQLAlchemy."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
from litestar import Litestar, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException
from litestar.params import JSONBody
from litestar.testing import AsyncTestClient, TestClient
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from asgi_shop import Order, asynchronous, orders, published
from asyncevents_asgi.litestar import AsyncEventsPlugin, AsyncPublish, Publish, lifespan, publish_in
from tests.installing.beside import install_beside
from tests.integration.project import PATIENCE


class Placed(msgspec.Struct):
    number: int


@post("/orders")
async def place(
    data: JSONBody[Placed],
    db_session: NamedDependency[AsyncSession],
    publish: NamedDependency[AsyncPublish],
) -> Placed:
    db_session.add(Order(number=data.number))
    await publish("order.created", data)
    if data.number == 0:
        raise ClientException("no such number")
    return data


@post("/orders", sync_to_thread=True)
def place_blocking(
    data: JSONBody[Placed],
    db_session: NamedDependency[Session],
    publish: NamedDependency[Publish],
) -> Placed:
    db_session.add(Order(number=data.number))
    publish("order.created", data)
    if data.number == 0:
        raise ClientException("no such number")
    return data


@pytest.fixture
def get_session(url):
    engine = asynchronous(url)

    async def get_session():
        async with AsyncSession(engine) as session, session.begin():
            yield session

    return get_session


async def ordered(application):
    async with AsyncTestClient(application) as client:
        answers = [await client.post("/orders", json={"number": n}) for n in (1, 0, 2)]
        assert [one.status_code for one in answers] == [201, 400, 201]


async def test_the_plugin(events, engine, get_session):
    application = Litestar(
        route_handlers=[place],
        dependencies={"db_session": Provide(get_session)},
        plugins=[AsyncEventsPlugin(events)],
    )
    await ordered(application)
    assert events._opened is None
    assert orders(engine) == [1, 2]
    assert published(events) == [{"number": 1}, {"number": 2}]


async def test_its_parts_for_what_blocks(events, engine):
    def get_session():
        with Session(engine) as session, session.begin():
            yield session

    application = Litestar(
        route_handlers=[place_blocking],
        dependencies={"db_session": Provide(get_session), "publish": publish_in(events)},
        lifespan=[lifespan(events)],
    )
    await ordered(application)
    assert orders(engine) == [1, 2]
    assert published(events) == [{"number": 1}, {"number": 2}]


def test_its_test_client_and_what_is_recorded(events, get_session, published_events):
    application = Litestar(
        route_handlers=[place],
        dependencies={"db_session": Provide(get_session)},
        plugins=[AsyncEventsPlugin(events)],
    )
    with TestClient(application) as client:
        assert client.post("/orders", json={"number": 1}).status_code == 201
        assert client.post("/orders", json={"number": 0}).status_code == 400
    published_events.assert_published("order.created", data={"number": 1}, times=1)
    published_events.assert_published("order.created", times=1)


def test_the_api_and_the_pages(events):
    application = Litestar(plugins=[AsyncEventsPlugin(events, session=None, path="/events")])
    with TestClient(application) as client:
        assert client.get("/events/health").json() == {"status": "ok"}
        assert client.get("/events/rest/V1/events").status_code == 401
        assert client.get("/events/rest/all/V1/events").status_code == 401
        page = client.get("/events/admin/sign-in")
        assert "<h1>Sign in to asyncevents</h1>" in page.text
        assert 'action="/events/admin/' in page.text
        assert client.get("/events/nothing").headers["content-type"] == "application/problem+json"
        assert client.get("/nothing").headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["events", "/"])
def test_what_is_no_path(events, path):
    with pytest.raises(ValueError, match="it begins with a slash and is not the root"):
        AsyncEventsPlugin(events, path=path)


@pytest.fixture(scope="module")
def advanced_alchemy(tmp_path_factory):
    """Return a folder with Litestar's own plugin for SQLAlchemy.

    Not among the others: Litestar imports it wherever it is, and with SQLAlchemy 2.1 it warns.
    """
    folder = tmp_path_factory.mktemp("alchemy")
    return install_beside(folder, "advanced-alchemy>=1.4,<2", dependencies=False)


SHOP = """
import asyncio
import sqlalchemy as sa
from advanced_alchemy.extensions.litestar import SQLAlchemyPlugin
from advanced_alchemy.extensions.litestar import SQLAlchemy{kind}Config as Config
from litestar import Litestar
from litestar.testing import TestClient
from asgi_shop import asynchronous, orders, published
from asyncevents_asgi.litestar import AsyncEventsPlugin
from asyncevents_core import AsyncEvents
from test_litestar import place{blocking}

events = AsyncEvents({{"LEDGER_URL": "{url}", "EVENTS": {{"order.created": {{}}}}}})
engine = sa.create_engine("{url}")
database = Config(
    engine_instance={engine}, before_send_handler="autocommit"
)
application = Litestar(
    route_handlers=[place{blocking}],
    plugins=[SQLAlchemyPlugin(config=database), AsyncEventsPlugin(events)],
)
with TestClient(application) as client:
    answers = [client.post("/orders", json={{"number": n}}) for n in (1, 0, 2)]
assert [one.status_code for one in answers] == [201, 400, 201], [one.text for one in answers]
assert orders(engine) == [1, 2]
assert published(events) == [{{"number": 1}}, {{"number": 2}}]
print("well")
"""


@pytest.mark.parametrize("kind", ["Async", "Sync"])
def test_with_its_sqlalchemy_plugin(advanced_alchemy, tmp_path, url, kind):
    blocking, engine = ("_blocking", "engine") if kind == "Sync" else ("", f'asynchronous("{url}")')
    text = SHOP.format(kind=kind, blocking=blocking, engine=engine, url=url)
    tests = Path(__file__).parent
    path = os.pathsep.join([str(tests), str(tests.parents[2]), str(advanced_alchemy)])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.stdout == "well\n", done.stdout + done.stderr

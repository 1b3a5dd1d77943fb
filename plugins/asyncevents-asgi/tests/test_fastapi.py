"""FastAPI: dependencies on sessions of either kind, overrides, the API and the pages."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from asgi_shop import NewOrder, Order, asynchronous, browser, orders, published
from asyncevents_asgi.fastapi import AsyncPublish, Publish, lifespan, mount, publish_in
from asyncevents_core.domain.access import Actor
from asyncevents_core.engine.managing.tokens import create_token
from asyncevents_core.errors import MissingExtra
from tests.absent import without

KINDS = ("the annotation", "a Depends", "the function")


@pytest.fixture
def get_session(url):
    engine = asynchronous(url)

    async def get_session():
        async with AsyncSession(engine) as session, session.begin():
            yield session

    return get_session


def given(kind, get_session):
    """Return what handlers have, and what publish_in gets."""
    depends = Depends(get_session, scope=None if kind == "the function" else "function")
    annotation = Annotated[AsyncSession, depends]
    return annotation, {"the annotation": annotation, "a Depends": depends}.get(kind, get_session)


@pytest.fixture(params=KINDS)
def shop(request, events, get_session):
    annotation, session = given(request.param, get_session)
    publishing = Annotated[AsyncPublish, Depends(publish_in(events, session))]
    application = FastAPI(lifespan=lifespan(events))

    async def place(order: NewOrder, session: annotation, publish: publishing) -> NewOrder:
        session.add(Order(number=order.number))
        await publish("order.created", order)
        if order.number < 0:
            raise HTTPException(422, "no such number")
        if order.number == 0:
            raise KeyError("a mistake in the handler")
        return order

    # The annotations are those of this function, not of the module.
    place.__annotations__.update(session=annotation, publish=publishing)
    application.post("/orders", status_code=201)(place)
    return application


async def test_it_is_in_the_transaction_of_the_handler(shop, events, engine):
    async with browser(shop) as client:
        statuses = [
            (await client.post("/orders", json={"number": number})).status_code
            for number in (1, 0, -1, 2)
        ]
        # This commit fails; where it is after the answer, the answer is wrong.
        await client.post("/orders", json={"number": 1})
    assert statuses == [201, 500, 422, 201]
    assert orders(engine) == [1, 2]
    assert published(events) == [{"number": 1}, {"number": 2}]


def test_overrides_count(shop, get_session, published_events, tmp_path):
    others = asynchronous(f"sqlite:///{tmp_path}/others.db")
    seen = []

    async def get_other_session():
        async with others.begin() as connection:
            await connection.run_sync(Order.metadata.create_all)
        async with AsyncSession(others) as session, session.begin():
            seen.append(session)
            yield session

    shop.dependency_overrides[get_session] = get_other_session
    with TestClient(shop, raise_server_exceptions=False) as client:
        for _ in range(2):
            client.post("/orders", json={"number": 1})
    published_events.assert_published("order.created", data={"number": 1}, times=1)
    # One for each request: the handler's is that of its event.
    assert len(seen) == 2


def test_a_session_that_is_not_asynchronous(events, engine):
    def get_session():
        with Session(engine) as session, session.begin():
            yield session

    annotation = Annotated[Session, Depends(get_session, scope="function")]
    publishing = Annotated[Publish, Depends(publish_in(events, annotation))]
    application = FastAPI()

    def place(number: int, session: annotation, publish: publishing) -> None:
        session.add(Order(number=number))
        publish("order.created", {"number": number})
        if number == 0:
            raise KeyError("a mistake in the handler")

    place.__annotations__.update(session=annotation, publish=publishing)
    application.post("/orders/{number}")(place)
    client = TestClient(application, raise_server_exceptions=False)
    assert [client.post(f"/orders/{n}").status_code for n in (1, 0)] == [200, 500]
    assert orders(engine) == [1]
    assert published(events) == [{"number": 1}]


def test_a_class_as_its_own_dependency(events, engine):
    class Unit(Session):
        def __init__(self) -> None:
            super().__init__(engine)

    dependency = publish_in(events, Annotated[Unit, Depends()])
    application = FastAPI()

    @application.post("/orders")
    def place(publish=Depends(dependency), unit=Depends(Unit)) -> None:  # noqa: B008
        publish("order.created", {"number": 1})
        unit.commit()
        unit.close()

    assert TestClient(application).post("/orders").status_code == 200
    assert published(events) == [{"number": 1}]


def test_what_cannot_be_meant(events, get_session):
    for wrong in (None, "session", Annotated[AsyncSession, "nothing"]):
        with pytest.raises(TypeError, match="is no dependency: give what the handlers have"):
            publish_in(events, wrong)
    again = Annotated[AsyncSession, Depends(get_session, use_cache=False)]
    with pytest.raises(ValueError, match="use_cache=False: each use of this dependency"):
        publish_in(events, again)


def token(events):
    _, text = create_token(
        events.runtime.ledger, name="t", resources=["manage"], tenant=None, days=None, known=(),
        by=Actor.trusted("test"),
    )  # fmt: skip
    return {"Authorization": f"Bearer {text}"}


def test_the_api_and_the_pages(events):
    application = FastAPI(lifespan=lifespan(events))
    mount(application, events, path="/events/")
    application.get("/here")(lambda: "here")
    headers = token(events)
    for _ in range(2):
        # An application may be started again, as tests do.
        with TestClient(application) as client:
            events.publish("order.created", {"number": 1})
            listed = client.get("/events/rest/V1/events", headers=headers)
            assert listed.json()["items"][0]["data"] == {"number": 1}
            assert client.get("/events/rest/V1/events").status_code == 401
            page = client.get("/events/admin/sign-in")
            assert "<h1>Sign in to asyncevents</h1>" in page.text
            assert 'action="/events/admin/' in page.text
            assert client.get("/here").json() == "here"


async def test_without_a_lifespan_the_first_request_makes_it(events):
    application = FastAPI()
    mount(application, events, pages=False)
    async with browser(application) as client:
        assert (await client.get("/events/health")).json() == {"status": "ok"}
        assert (await client.get("/events/admin/sign-in")).status_code == 404


async def test_the_own_lifespan_is_still_there(events):
    seen = []

    @asynccontextmanager
    async def own(application):
        seen.append("started")
        yield {"found": 1}
        seen.append("ended")

    application = FastAPI(lifespan=own)
    mount(application, events)
    async with application.router.lifespan_context(application) as state:
        assert state == {"found": 1}
    assert seen == ["started", "ended"]


@pytest.mark.parametrize("path", ["events", "/", ""])
def test_what_is_no_path(events, path):
    with pytest.raises(ValueError, match="it begins with a slash and is not the root"):
        mount(FastAPI(), events, path=path)


def test_without_the_extra(events, monkeypatch):
    without(monkeypatch, "litestar", "asyncevents_core.web", "litestar")
    application = FastAPI()
    mount(application, events)
    with pytest.raises(MissingExtra, match=r"pip install 'asyncevents-core\[web\]'"):
        TestClient(application).get("/events/health")

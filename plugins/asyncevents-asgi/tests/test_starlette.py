"""Starlette: sessions from the state of the application."""

from __future__ import annotations

from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import async_sessionmaker
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from asgi_shop import Order, asynchronous, orders, published
from asyncevents_asgi.starlette import AsyncPublish, lifespan, mount


def test_a_shop(events, engine, url):
    @asynccontextmanager
    async def database(application):
        yield {"sessions": async_sessionmaker(asynchronous(url))}

    async def place(request):
        order = await request.json()
        async with request.state.sessions.begin() as session:
            publish = AsyncPublish(events, session)
            session.add(Order(number=order["number"]))
            await publish("order.created", order)
            if order["number"] == 0:
                raise KeyError("a mistake in the handler")
        return JSONResponse(order, status_code=201)

    application = Starlette(
        routes=[Route("/orders", place, methods=["POST"])], lifespan=lifespan(events, database)
    )
    mount(application, events)
    with TestClient(application, raise_server_exceptions=False) as client:
        answers = [client.post("/orders", json={"number": number}) for number in (1, 0, 2)]
        assert client.get("/events/health").json() == {"status": "ok"}
    assert [one.status_code for one in answers] == [201, 500, 201]
    assert orders(engine) == [1, 2]
    assert published(events) == [{"number": 1}, {"number": 2}]

"""What the shop publishes. Nothing is sent: `published_events` records it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from shop import app
from shop_database import Base, get_session
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from asyncevents_core.testing import PublishedEvents

ORDER = {"number": "A-1", "total": 1999}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A browser of a shop whose database is a test's own."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop.db", poolclass=NullPool)

    async def get_test_session() -> AsyncIterator[AsyncSession]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session, session.begin():
            yield session

    app.dependency_overrides[get_session] = get_test_session
    with TestClient(app) as client:
        yield client
    app.dependency_overrides.clear()


def test_placing_an_order(client: TestClient, published_events: PublishedEvents) -> None:
    assert client.post("/orders", json=ORDER).status_code == 201
    published_events.assert_published("shop.order.created", data=ORDER, times=1)


def test_a_number_that_is_taken(client: TestClient, published_events: PublishedEvents) -> None:
    assert [client.post("/orders", json=ORDER).status_code for _ in range(2)] == [201, 409]
    published_events.assert_published("shop.order.created", times=1)


def test_cancelling_it_twice(client: TestClient, published_events: PublishedEvents) -> None:
    client.post("/orders", json=ORDER)
    for _ in range(2):
        assert client.post("/orders/A-1/cancel").status_code == 204
    published_events.assert_published("shop.order.cancelled", data={"number": "A-1"}, times=1)


def test_no_such_order(client: TestClient, published_events: PublishedEvents) -> None:
    assert client.post("/orders/A-2/cancel").status_code == 404
    published_events.assert_nothing_published()

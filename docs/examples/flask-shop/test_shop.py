"""What the shop publishes, and what subscribers get."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from shop import Order, create_app, db
from shop_services import order

from asyncevents_core.testing import PublishedEvents


@pytest.fixture
def app() -> Iterator[Flask]:
    app = create_app({"TESTING": True, "SQLALCHEMY_DATABASE_URI": "sqlite://"})
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def place(client: FlaskClient, number: str = "A-1") -> int:
    return client.post("/orders", data={"number": number, "total": "19.99"}).status_code


def test_placing_an_order(client: FlaskClient, published_events: PublishedEvents) -> None:
    assert place(client) == 201
    placed = db.session.scalars(db.select(Order)).one()
    published_events.assert_published("shop.order.created", data={"id": placed.id}, times=1)


def test_placing_it_twice(client: FlaskClient, published_events: PublishedEvents) -> None:
    assert [place(client), place(client)] == [201, 409]
    published_events.assert_published("shop.order.created", times=1)


def test_cancelling_it_twice(client: FlaskClient, published_events: PublishedEvents) -> None:
    place(client)
    for _ in range(2):
        assert client.post("/orders/A-1/cancel").status_code == 204
    published_events.assert_published("shop.order.cancelled", times=1)


def test_a_total_that_is_none(client: FlaskClient, published_events: PublishedEvents) -> None:
    with pytest.raises(ArithmeticError):
        client.post("/orders", data={"number": "A-1", "total": "many"})
    published_events.assert_nothing_published()


def test_what_subscribers_get(client: FlaskClient, published_events: PublishedEvents) -> None:
    place(client)
    (published,) = published_events
    found = order(**published.data)
    assert found["number"] == "A-1"
    assert str(found["total"]) == "19.99"

"""The fixture `published_events`: records what an application publishes."""

from __future__ import annotations

import datetime

import pytest

from asyncevents_core import AsyncEvents
from asyncevents_core.errors import InvalidPayload, UnknownEvent

SETTINGS = {
    "LEDGER_URL": "sqlite:////nowhere/at/all.db",
    "BROKER_URL": "amqp://127.0.0.1:1//",
    "EVENTS": {"order.created": {}, "order.cancelled": {}},
}


@pytest.fixture
def events():
    return AsyncEvents(SETTINGS)


def test_it_records_without_database_or_broker(events, published_events):
    events.publish("order.created", {"id": 1, "at": datetime.date(2026, 1, 2)}, tenant="a")
    events.publish_many([("order.created", {"id": 2}), ("order.cancelled", {"id": 3})])
    assert [(one.name, one.data, one.tenant) for one in published_events] == [
        ("order.created", {"id": 1, "at": "2026-01-02"}, "a"),
        ("order.created", {"id": 2}, None),
        ("order.cancelled", {"id": 3}, None),
    ]
    published_events.assert_published("order.created", times=2)
    published_events.assert_published("order.created", data={"id": 2}, times=1)
    published_events.assert_published("order.created", tenant="a", times=1)
    published_events.assert_published("order.cancelled")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "order.cancelled"},
        {"name": "order.created", "times": 2},
        {"name": "order.created", "times": 0},
        {"name": "order.created", "data": {"id": 2}},
        {"name": "order.created", "tenant": "b"},
    ],
)
def test_an_assertion_that_fails_lists_what_was_published(events, published_events, wrong):
    events.publish("order.created", {"id": 1})
    with pytest.raises(AssertionError, match=r'order.created \{"id": 1\}'):
        published_events.assert_published(**wrong)


def test_nothing_published(events, published_events):
    published_events.assert_nothing_published()
    events.publish("order.created", {"id": 1})
    with pytest.raises(AssertionError, match="expected nothing"):
        published_events.assert_nothing_published()
    published_events.clear()
    published_events.assert_nothing_published()


def test_what_publish_refuses_is_refused(events, published_events):
    with pytest.raises(UnknownEvent, match=r"order\.created"):
        events.publish("order.crated", {})
    with pytest.raises(InvalidPayload):
        events.publish("order.created", {"id": object()})
    published_events.assert_nothing_published()


async def _apublish(events):
    await events.apublish("order.created", {"id": 1})


def test_async_and_sessions(events, published_events):
    import asyncio

    asyncio.run(_apublish(events))
    events.publish("order.created", {"id": 2}, session=object())
    assert [one.data["id"] for one in published_events.named("order.created")] == [1, 2]

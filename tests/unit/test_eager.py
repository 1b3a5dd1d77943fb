"""EAGER = True: `publish()` resolves and delivers, and raises what went wrong."""

from __future__ import annotations

import asyncio
import sys
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from asyncevents_core import Actor, AsyncEvents, NewSubscription, Settings
from asyncevents_core.adapters import builtins
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.errors import (
    AccessDenied,
    EagerDeliveryFailed,
    InvalidPayload,
    NotFound,
    ServiceArguments,
)
from asyncevents_core.hookspecs import hookimpl
from asyncevents_core.plugin import Outcome
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.runtime import Runtime
from asyncevents_core.testing import RecordingSinkType

MODULE = """
def load(id: int) -> dict:
    if id == 0:
        raise LookupError("no order 0")
    return {"id": id, "loaded": True}

async def aload(id):
    return {"id": id}
"""
ID = {"type": "object", "properties": {"id": {"type": "integer"}}}


@pytest.fixture
def kind():
    return RecordingSinkType()


@pytest.fixture
def events(tmp_path, monkeypatch, kind):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "eager_shop", None)
    monkeypatch.delitem(sys.modules, "eager_shop")
    (tmp_path / "eager_shop.py").write_text(MODULE)
    settings = Settings.from_mapping(
        {
            "EAGER": True,
            "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
            "BROKER_URL": "amqp://127.0.0.1:1//",
            "EVENTS": {
                "order.plain": {},
                "order.loaded": {"service": "eager_shop:load"},
                "order.checked": {"service": "eager_shop:aload", "schema": ID},
            },
            "EVENT_SCHEMAS": "refuse",
        }
    )

    class Plugin:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [kind]

    events = AsyncEvents(settings)
    events._runtime = Runtime(settings, plugins=load_plugins([builtins, Plugin()], found=[]))
    events.upgrade()
    for name in ("order.plain", "order.loaded", "order.checked"):
        events.subscribe(NewSubscription(event_name=name, sink="recording", target="memory:a"))
    with events:
        yield events


def summaries(events, event_id):
    return [trace.summary for trace in events.traces(event_id)]


def test_it_is_delivered_when_publish_returns(events, kind):
    number = events.publish("order.loaded", {"id": 7})
    (request,) = kind.recorder.requests
    assert b'"data": {"id":7,"loaded":true}' in request.body
    assert summaries(events, number) == ["Delivered"]


def test_the_services_exception_is_raised_and_recorded(events, kind):
    with pytest.raises(LookupError, match="no order 0"):
        events.publish("order.loaded", {"id": 0})
    (letter,) = events.runtime.ledger.read(
        lambda view: view.dead_letters.page(DeadFilter(), limit=10, before=None)
    )
    assert letter.error == "LookupError: no order 0"
    assert not kind.recorder.requests


def test_where_the_service_failed_is_kept_as_workers_keep_it(events):
    with pytest.raises(LookupError, match="no order 0"):
        events.publish("order.loaded", {"id": 0})
    (event,) = events.runtime.ledger.read(
        lambda view: view.events.page(name=None, limit=10, before=None)
    )
    found = events.runtime.ledger.read(lambda view: view.events.get(event.id))
    first, *frames = found.traceback.splitlines()
    assert first == "Traceback (most recent call last):"
    assert "eager_shop.py" in frames[0]
    assert 'raise LookupError("no order 0")' in found.traceback
    assert found.traceback.endswith("LookupError: no order 0")


def test_arguments_that_do_not_fit_are_raised(events):
    with pytest.raises(ServiceArguments, match="id"):
        events.publish("order.loaded", {"id": "seven"})


def test_a_failed_delivery_is_raised_and_not_retried(events, kind):
    kind.recorder.script("memory:a", Outcome.retryable("HTTP 503", http_status=503))
    with pytest.raises(EagerDeliveryFailed, match=r"HTTP 503.*asyncevents trace"):
        events.publish("order.plain", {"id": 1})
    (letter,) = events.runtime.ledger.read(
        lambda view: view.dead_letters.page(DeadFilter(), limit=10, before=None)
    )
    assert letter.summary == "Dead Lettered"
    assert len(kind.recorder.requests) == 1


def test_a_replay(events):
    number = events.publish("order.plain", {"id": 1})
    (trace,) = events.traces(number)
    again = events.replay(trace.delivery.id)
    assert [one.delivery.id for one in events.traces(number)] == [trace.delivery.id, again]
    (_, replayed) = events.traces(number)
    assert replayed.delivery.replay_of == trace.delivery.id
    assert replayed.request.requested_by == "application"
    reader = Actor(who="ann", resources=frozenset({"logs.list"}))
    with pytest.raises(AccessDenied, match=r"to replay you need the resource logs\.replay"):
        events.replay(trace.delivery.id, by=reader)
    with pytest.raises(NotFound, match="no delivery"):
        events.replay(uuid4())
    with pytest.raises(TypeError, match="replay takes the id of a delivery or an event, a UUID"):
        events.replay(str(trace.delivery.id))


def test_within_a_running_loop(events, kind):
    async def publish():
        events.publish("order.plain", {"n": 1})
        await events.apublish("order.plain", {"n": 2})

    asyncio.run(publish())
    assert len(kind.recorder.requests) == 2


def test_in_a_transaction_it_is_delivered_after_the_commit(events, kind):
    engine = sa.create_engine(events.runtime.settings.ledger_url)
    with Session(engine) as session:
        with session.begin():
            events.publish("order.plain", {"n": 1}, session=session)
            assert not kind.recorder.requests
        assert len(kind.recorder.requests) == 1
        with session.begin() as transaction:
            events.publish("order.plain", {"n": 2}, session=session)
            transaction.rollback()
    engine.dispose()
    assert len(kind.recorder.requests) == 1


def test_what_a_service_returned_has_to_match_the_schema(events, kind):
    with pytest.raises(InvalidPayload, match=r"order\.checked: .* /id: ") as caught:
        events.publish("order.checked", {"id": "anna@example.com"})
    assert "anna" not in str(caught.value)
    assert kind.recorder.requests == []
    events.publish("order.checked", {"id": 1})
    assert len(kind.recorder.requests) == 1

"""Messages of mageos-async-events: read, and published by a worker."""

from __future__ import annotations

import json
import threading
import time

import pytest

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.kombu.cloud_events import CloudEventMessages
from asyncevents_core.adapters.kombu.protocol import decode
from asyncevents_core.adapters.kombu.publications import MagentoMessages, ReceivedPublication
from asyncevents_core.adapters.kombu.received import MOST_KEPT, ReceivedMessage
from asyncevents_core.domain.foreign_event import ForeignEvent
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.ports.broker import BrokerConfig, HandOff, Publication
from asyncevents_core.ports.observer import NOBODY
from asyncevents_core.ports.tracing import NO_TRACING
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.loading import load_settings
from asyncevents_core.worker.inboxes import Bell, PublicationInbox
from asyncevents_core.worker.intake import _MOST_WAITING, Intake

PATIENCE = 60


def message(body, **properties):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ReceivedMessage(body=text, properties=properties)


def read(body, **properties):
    return ReceivedPublication(message(body, **properties), MagentoMessages(), lambda *_: None)


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"traceparent": TRACE, "tracestate": "a=1"}, f"{TRACE} a=1"),
        ({"traceparent": b"bytes"}, None),
        ({"traceparent": "nonsense"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_an_event_stays_in_the_trace_of_its_message(headers, kept):
    sent = ReceivedMessage(body=b'["a", "{}"]', headers=headers, properties={})
    (event,) = ReceivedPublication(sent, MagentoMessages(), lambda *_: None).events
    assert event.trace_context == TraceContext.read(kept)


def test_a_cloud_event_says_more_of_its_trace_than_its_message():
    body = {"specversion": "1.0", "type": "a", "source": "/s", "id": "1", "traceparent": TRACE}
    other = TRACE.replace("4bf9", "0000")
    sent = ReceivedMessage(
        body=json.dumps([body, {**body, "id": "2", "traceparent": None}]).encode(),
        headers={"traceparent": other},
        properties={},
    )
    events = ReceivedPublication(sent, CloudEventMessages(), lambda *_: None).events
    assert [one.trace_context.traceparent for one in events] == [TRACE, other]


# -- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "name", "data", "tenant"),
    [
        (["sales.order.created", '{"id": 42}', 0], "sales.order.created", {"id": 42}, None),
        (["sales.order.created", '{"id":"42"}', "0"], "sales.order.created", {"id": "42"}, None),
        (["sales.order.created", '{"id": 42}'], "sales.order.created", {"id": 42}, None),
        (["a", "{}", "7"], "a", {}, "7"),
        (["a", "{}", 7], "a", {}, "7"),
        (["a", "{}", "007"], "a", {}, "7"),
        (["a", "{}", None], "a", {}, None),
        (["a", "{}", ""], "a", {}, None),
        # PHP writes an array in which nothing is as a list.
        (["a", "[]", "1"], "a", {}, "1"),
        (["a", "[1, 2]"], "a", [1, 2], None),
        (["a", '"text"'], "a", "text", None),
        (["\u00e4", '{"x": "\\u00fc"}'], "\u00e4", {"x": "\u00fc"}, None),
        (b' \n[ "a" , "{}" ] ', "a", {}, None),
        (b'["a", "{\\"x\\": 1.50}", 0]', "a", {"x": 1.5}, None),
    ],
)
def test_what_magento_sends(body, name, data, tenant):
    assert MagentoMessages().takes(message(body))
    found = read(body)
    (event,) = found.events
    assert (event.name, event.data, event.tenant) == (name, data, tenant)
    assert found.ids == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "not a list such as"),
        (["a"], "not a list such as"),
        (["a", "{}", "0", "more"], "not a list such as"),
        ([7, "{}"], "first part is 7"),
        ([None, "{}"], "first part is None"),
        (["a", {"id": 42}], "second part is {'id': 42}, not JSON in a text"),
        (["a", None], "second part is None"),
        (["a", ""], "second part is not JSON"),
        (["a", "{"], "second part is not JSON"),
        (["a", "{'id': 42}"], "second part is not JSON"),
        (["a", "NaN"], "NaN is not a number"),
        (["a", '{"x": 1, "x": 2}'], "'x' twice"),
        (["a", "[" * 100_000], "second part is nested too deeply"),
        (["a", "9" * 5000], "second part is not JSON"),
        (["a", "{}", "default"], "third part is 'default'"),
        (["a", "{}", "-1"], "third part is '-1'"),
        (["a", "{}", "1.0"], "third part is '1.0'"),
        (["a", "{}", 1.0], "third part is 1.0"),
        (["a", "{}", True], "third part is True"),
        (["a", "{}", [1]], "third part is [1]"),
        (["a", "{}", "9999999999"], "no store"),
        (["a", "{}", 10**30], "third part is"),
        (["a", "{}", "²"], "third part is"),
        (b"[nonsense", "it is not JSON"),
        (b'["a", "\xff"]', "it is not JSON"),
        (b'["a", "{}"] more', "it is not JSON"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'["a", "' + b"x" * MOST_KEPT + b'"]', "too long"),
    ],
)
def test_what_cannot_be_read_says_why(body, reason):
    assert MagentoMessages().takes(message(body))
    with pytest.raises(ValueError, match=r".") as refused:
        read(body)
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("body", [{"specversion": "1.0"}, "text", 7, None, b"", b"\xff[", b"x["])
def test_anything_but_a_list_is_none_of_them(body):
    assert not MagentoMessages().takes(message(body))


@pytest.mark.parametrize(
    ("sent", "event_id"),
    [
        ("0cc175b9c0f1b6a831c399e269772661", "magento:0cc175b9c0f1b6a831c399e269772661"),
        ("", None),
        (None, None),
        (7, None),
        ("x" * 201, None),
        ("a\nb", None),
        (" a", None),
    ],
)
def test_the_id_of_a_message_names_its_event(sent, event_id):
    assert read(["a", "{}"], message_id=sent).events[0].event_id == event_id


def test_properties_that_are_none():
    broken = message(["a", "{}"])
    broken.properties = ["no", "object"]
    assert (
        ReceivedPublication(broken, MagentoMessages(), lambda *_: None).events[0].event_id is None
    )


def test_it_is_settled_as_it_was_published_or_refused():
    settled = []
    first, second = (message(["a", "{}"]) for _ in range(2))
    ReceivedPublication(first, MagentoMessages(), lambda *what: settled.append(what)).ack()
    other = ReceivedPublication(second, MagentoMessages(), lambda *what: settled.append(what))
    other.refuse("a reason")
    other.ack()
    assert settled == [(first, None), (second, "a reason")]


def test_without_the_setting_the_reason_names_it():
    with pytest.raises(ValueError, match="MAGENTO_MESSAGES_ENABLED"):
        decode(json.dumps(["a", "{}", "0"]).encode())
    assert BrokerConfig(url="memory://").publications is False
    with Runtime(load_settings({"MAGENTO_MESSAGES_ENABLED": True})) as runtime:
        assert runtime.broker_config.publications is True


# -- the inbox --------------------------------------------------------------------------------


class Asked(Publication):
    def __init__(self, name="order.created", data=None, tenant=None, event_id=None):
        data = {} if data is None else data
        self.events = [ForeignEvent(name=name, data=data, tenant=tenant, event_id=event_id)]
        self.refusal = None

    def refuse(self, reason):
        self.refusal = reason

    def ack(self):
        raise AssertionError("only the thread that receives acknowledges")


class Ids(HandOff):
    def __init__(self):
        self.ids = (uuid7(),)

    def ack(self):
        raise AssertionError("only the thread that receives acknowledges")


def test_publications_are_kept_apart():
    inbox = PublicationInbox(Bell())
    asked, ids = Asked(), Ids()
    inbox.put([asked, ids])
    assert (len(inbox), inbox.publications) == (1, 1)
    assert inbox.take(9) == [ids]
    connection, taken = inbox.take_publications()
    assert list(taken) == [asked]
    assert inbox.publications == 0
    inbox.put([last := Asked()])
    inbox.put_back_publications(connection, taken)
    assert list(inbox.take_publications()[1]) == [asked, last]


def test_what_comes_again_is_not_kept():
    inbox = PublicationInbox(Bell())
    inbox.put([Asked(), Ids()])
    connection, taken = inbox.take_publications()
    inbox.put([Asked()])
    inbox.connected_anew()
    assert inbox.publications == 0
    inbox.put_back_publications(connection, taken)
    assert inbox.publications == 0
    assert len(inbox) == 1


# -- publishing -------------------------------------------------------------------------------


@pytest.fixture
def events(tmp_path):
    settings = {
        "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
        "BROKER_URL": "memory://",
        "EVENTS": {
            "order.created": {},
            "order.loaded": {"service": "shop:load"},
        },
        "MAX_PAYLOAD_BYTES": 1000,
    }
    with AsyncEvents(settings) as events:
        events.upgrade()
        yield events


@pytest.fixture
def inbox():
    return PublicationInbox(Bell())


@pytest.fixture
def intake(events, inbox):
    runtime = events.runtime
    made = Intake(
        ledger=runtime.ledger,
        definitions=runtime.catalog,
        rules=runtime.publish_rules,
        inbox=inbox,
        claiming=inbox,
        name="intake",
        observers=NOBODY,
        tracing=NO_TRACING,
    )
    made.start()
    yield made
    made.stop()


def published(events):
    ledger = events.runtime.ledger
    found = ledger.read(lambda view: view.events.page(limit=999, before=None, name=None))
    assert len({(one.name, one.tenant) for one in found}) == len(found)
    return {(one.name, one.tenant) for one in found}


def settled(inbox, count):
    """Return what may be acknowledged, in order: messages, not the ids of their events."""
    found = []
    until = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < until, found
        found += [one for one in inbox.claimed(0.1) if isinstance(one, Publication)]
    return found


@pytest.mark.usefixtures("intake")
def test_messages_are_published_and_handed_on(events, inbox):
    asked = [Asked(), Asked(tenant="7"), Asked("order.loaded", {"id": 42})]
    inbox.put(asked)
    assert settled(inbox, 3) == asked
    assert [one.refusal for one in asked] == [None] * 3
    assert published(events) == {
        ("order.created", None),
        ("order.created", "7"),
        ("order.loaded", None),
    }
    # The claiming thread beside it gets their ids at once.
    assert sum(len(one.ids) for one in inbox.take(99)) == 3


@pytest.mark.usefixtures("intake")
def test_what_nobody_claims_does_not_pile_up(events, inbox):
    count = 3 * _MOST_WAITING
    for number in range(count):
        inbox.put([Asked(tenant=str(number + 1))])
        settled(inbox, 1)
    assert len(published(events)) == count
    assert len(inbox) == _MOST_WAITING


@pytest.mark.usefixtures("intake")
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Asked("order.craeted"), "did you mean 'order.created'"),
        (Asked("order.loaded", [1]), "must be an object"),
        (Asked("a\x00"), "printed"),
        (Asked(""), "1 to 255"),
        (Asked(data={"x": "y" * 1000}), "MAX_PAYLOAD_BYTES"),
        (Asked(data={"x": "\ud800"}), "surrogate"),
        (Asked(data={"x": 10**5000}), "digits"),
    ],
)
def test_what_cannot_be_published_keeps_nothing_waiting(events, inbox, wrong, reason):
    first, last = Asked(tenant="1"), Asked(tenant="2")
    inbox.put([first, wrong, last])
    assert settled(inbox, 3) == [first, wrong, last]
    assert reason in wrong.refusal
    assert (first.refusal, last.refusal) == (None, None)
    assert {tenant for _, tenant in published(events)} == {"1", "2"}


@pytest.mark.usefixtures("intake")
def test_a_message_that_comes_twice_is_one_event(events, inbox):
    same = [Asked(event_id="magento:1") for _ in range(2)]
    inbox.put(same)
    settled(inbox, 2)
    inbox.put([again := Asked(event_id="magento:1")])
    settled(inbox, 1)
    inbox.put([other := Asked(event_id="magento:1", data={"x": 1})])
    settled(inbox, 1)
    assert len(published(events)) == 1
    assert again.refusal is None
    assert "published before" in other.refusal


def test_without_the_ledger_messages_wait(events, inbox, intake, monkeypatch, caplog):
    tried, away = threading.Event(), threading.Event()
    ledger = events.runtime.ledger
    publish = ledger.publish

    def failing(*arguments, **more):
        tried.set()
        if not away.is_set():
            raise LedgerUnavailable("it is away")
        return publish(*arguments, **more)

    monkeypatch.setattr(ledger, "publish", failing)
    inbox.put(asked := [Asked(), Asked(tenant="7")])
    assert tried.wait(PATIENCE)
    assert inbox.claimed(0.2) == []
    assert not intake.idle
    away.set()
    assert settled(inbox, 2) == asked
    assert [one.refusal for one in asked] == [None, None]
    assert len(published(events)) == 2
    assert "messages to publish stay in their queue" in caplog.text


def test_what_fails_unexpectedly_is_set_aside_and_logged(
    events, inbox, intake, monkeypatch, caplog
):
    def failing(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(events.runtime.ledger, "publish", failing)
    inbox.put([one := Asked()])
    assert settled(inbox, 1) == [one]
    assert "a bug" in one.refusal
    assert "ZeroDivisionError" in caplog.text


def test_stopping_leaves_what_is_not_published(events, inbox, intake, monkeypatch):
    tried = threading.Event()

    def failing(*_, **__):
        tried.set()
        raise LedgerUnavailable("it is away")

    monkeypatch.setattr(events.runtime.ledger, "publish", failing)
    inbox.put([Asked()])
    assert tried.wait(PATIENCE)
    intake.stop()
    assert not intake._thread.is_alive()
    assert inbox.publications == 1
    assert inbox.claimed(0.0) == []

"""PUBLISH_QUEUE without a broker: what is read, published together, and refused."""

from __future__ import annotations

import json

import pytest

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.kombu.cloud_events import CloudEventMessages
from asyncevents_core.adapters.kombu.publications import ReceivedPublication
from asyncevents_core.adapters.kombu.received import MOST_KEPT, ReceivedMessage
from asyncevents_core.domain.foreign_event import MOST_EVENTS, ForeignEvent
from asyncevents_core.domain.worker import Role
from asyncevents_core.errors import BrokerError, SettingsError
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.loading import load_settings
from asyncevents_core.worker.inboxes import Bell, PublicationInbox
from asyncevents_core.worker.receiving import intakes
from tests.unit.test_publications import Asked, settled

EVENT = {"specversion": "1.0", "type": "order.created", "source": "/shop", "id": "1"}


def read(body, **more):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = ReceivedMessage(body=text, **more)
    assert CloudEventMessages().takes(message)
    return ReceivedPublication(message, CloudEventMessages(), lambda *_: None)


@pytest.mark.parametrize("count", [1, 2, MOST_EVENTS])
def test_many_events_in_a_message(count):
    found = read([{**EVENT, "id": str(number)} for number in range(count)])
    assert [one.event_id for one in found.events] == [
        f"cloudevent:/shop {number}" for number in range(count)
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is not JSON"),
        (b"nonsense", "it is not JSON"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b"[" * 100_000, "nested too deeply"),
        ("text", "event: it is not an object"),
        ([], "events: it has 1 to 1,000 events, not 0"),
        ([EVENT] * (MOST_EVENTS + 1), "not 1,001"),
        ([EVENT, {}], "events[1].specversion: it is required"),
        ({**EVENT, "id": ""}, "event.id: it must be a text"),
        (b'{"x": "' + b"x" * MOST_KEPT + b'"}', "too long"),
    ],
)
def test_what_cannot_be_read_says_why(body, reason):
    with pytest.raises(ValueError, match=r".") as refused:
        read(body)
    assert reason in str(refused.value)


def test_what_is_compressed_stays_so():
    with pytest.raises(ValueError, match="compressed"):
        read(EVENT, headers={"compression": "application/x-gzip"})


# -- publishing -------------------------------------------------------------------------------


def many(*events):
    asked = Asked()
    asked.events = [ForeignEvent(**{"name": "order.created", "data": {}, **one}) for one in events]
    return asked


@pytest.fixture
def events(tmp_path):
    made = {
        "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
        "BROKER_URL": "memory://",
        "PUBLISH_QUEUE": "shop.publish",
        "EVENTS": {"order.created": {}, "order.loaded": {"service": "shop:load"}},
    }
    with AsyncEvents(made) as events:
        events.upgrade()
        yield events


@pytest.fixture
def claiming():
    return PublicationInbox(Bell())


@pytest.fixture
def asked(events, claiming):
    inbox = PublicationInbox(Bell())
    (intake,) = intakes(events.runtime, [Role.TRIGGER], claiming, inbox)
    intake.start()
    yield inbox
    intake.stop()


def published(events):
    ledger = events.runtime.ledger
    return ledger.read(lambda view: view.events.page(limit=9999, before=None, name=None))


def test_all_of_a_message_or_none(events, asked, claiming):
    good = many({"tenant": "1"}, {"tenant": "2"})
    bad = many({"tenant": "3"}, {"name": "order.craeted"}, {"tenant": "4"})
    worse = many({"name": "order.loaded", "data": 7})
    asked.put([good, bad, worse])
    assert settled(asked, 3) == [good, bad, worse]
    assert good.refusal is None
    assert bad.refusal.startswith("it cannot be published: events[1]: unknown event")
    assert worse.refusal.startswith("it cannot be published: order.loaded: ")
    assert sorted(one.tenant for one in published(events)) == ["1", "2"]
    # Those are for the claiming thread, which looks elsewhere.
    assert sum(len(one.ids) for one in claiming.take(99)) == 2
    assert len(asked) == 0


def test_the_event_that_was_published_before_is_named(events, asked):
    asked.put([many({"event_id": "1"})])
    settled(asked, 1)
    again = many({"event_id": "2"}, {"event_id": "1", "data": 7})
    asked.put([again])
    settled(asked, 1)
    assert "events[1]: event_id '1' was published before" in again.refusal
    assert len(published(events)) == 1


def test_a_transaction_has_no_more_events_than_a_message_may_have(
    events, asked, claiming, monkeypatch
):
    sizes = []
    ledger = events.runtime.ledger
    publish = ledger.publish

    def counting(rows, **more):
        sizes.append(len(rows))
        return publish(rows, **more)

    monkeypatch.setattr(ledger, "publish", counting)
    messages = [many(*[{}] * 400) for _ in range(5)]
    asked.put(messages)
    assert settled(asked, 5) == messages
    assert sizes == [800, 800, 400]


# -- the setting ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", " ", "event.trigger", "amq.gen", ".x", "a b", "x" * 101, "a/b", "\u00e4"]
)
def test_names_that_no_queue_of_ours_has(name):
    with pytest.raises(SettingsError, match="PUBLISH_QUEUE"):
        load_settings({"PUBLISH_QUEUE": name})


def test_without_the_setting_there_is_no_queue(claiming):
    with pytest.raises(BrokerError, match="PUBLISH_QUEUE"):
        KombuBroker(BrokerConfig(url="memory://")).publications(prefetch=1)
    with Runtime(load_settings({"BROKER_URL": "memory://"})) as runtime:
        assert runtime.broker_config.publish_queue is None
        assert intakes(runtime, list(Role), claiming, claiming) == []


def test_workers_that_do_not_consume_trigger_leave_it(events, claiming):
    assert intakes(events.runtime, [Role.RETRY], claiming, claiming) == []

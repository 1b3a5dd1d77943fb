"""Messages of mageos-async-events on real brokers, as Magento sends them."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing

import amqp
import kombu
import pytest

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.kombu.protocol import QUARANTINE, TRIGGER, hand_off_queue
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.broker import BrokerConfig, Publication

MAGENTO = kombu.Exchange("magento", type="topic", durable=True)
MESSAGE = ["order.created", '{"id": 42}', "0"]


@pytest.fixture
def url(broker_url):
    return broker_url


def send(url, *bodies, kind=None):
    """Put messages into the queue, by its name alone."""
    with kombu.Connection(url) as connection:
        channel = connection.default_channel
        hand_off_queue(BrokerConfig(url=url))(channel).declare()
        for body in bodies:
            connection.Producer(channel).publish(
                body if isinstance(body, bytes) else json.dumps(body).encode(),
                exchange="",
                routing_key=TRIGGER,
                content_type=kind or "application/octet-stream",
                content_encoding="binary",
            )


def left(url, name=TRIGGER):
    """Take what is in a queue."""
    found = []
    with kombu.Connection(url) as connection:
        queue = hand_off_queue(BrokerConfig(url=url), name)(connection.default_channel)
        queue.declare()
        while (message := queue.get(accept=None)) is not None:
            message.ack()
            found.append(message)
    return found


def received(consumer, count):
    found = []
    until = time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < until, found
        found += consumer.receive(1.0)
    return found


def accepting(url):
    return KombuBroker(BrokerConfig(url=url, publications=True))


@pytest.mark.parametrize("kind", [None, "application/json", "text/plain", "application/x-unknown"])
def test_they_come_beside_hand_offs_and_are_acknowledged(url, kind):
    broker = accepting(url)
    first, last = uuid7(), uuid7()
    with closing(broker.producer()) as producer, broker.consumer(prefetch=5) as consumer:
        producer.send([first])
        send(url, MESSAGE, ["order.created", "[]"], kind=kind)
        producer.send([last])
        messages = received(consumer, 4)
        asked = [one for one in messages if isinstance(one, Publication)]
        events = [event for one in asked for event in one.events]
        assert [(one.name, one.data, one.tenant) for one in events] == [
            ("order.created", {"id": 42}, None),
            ("order.created", {}, None),
        ]
        assert [one for message in messages for one in message.ids] == [first, last]
        for message in messages:
            message.ack()
    assert left(url) == []
    assert broker.quarantined() == 0


def test_what_is_not_acknowledged_comes_again(url):
    send(url, MESSAGE)
    broker = accepting(url)
    with broker.consumer(prefetch=5) as consumer:
        (one,) = received(consumer, 1)
    with broker.consumer(prefetch=5) as consumer:
        (again,) = received(consumer, 1)
        assert again.events == one.events
        again.ack()
    assert left(url) == []


def test_what_is_refused_is_put_aside_with_the_reason(url):
    send(url, MESSAGE, MESSAGE)
    broker = accepting(url)
    with broker.consumer(prefetch=5) as consumer:
        first, second = received(consumer, 2)
        first.refuse("it cannot be published: no")
        first.ack()
        second.ack()
        assert list(consumer.receive(0.3)) == []
    assert left(url) == []
    (aside,) = left(url, QUARANTINE)
    assert json.loads(bytes(aside.body)) == MESSAGE
    assert aside.headers["asyncevents-reason"] == "it cannot be published: no"


def test_a_worker_publishes_and_delivers_them(url, make_project, inbox):
    project = make_project(
        BROKER_URL=url,
        MAGENTO_MESSAGES_ENABLED=True,
        EVENTS={"order.created": {}, "order.paid": {"service": "json:loads"}},
    )
    project.run("subscribe", "order.created", inbox.url, "--secret", "supersecret")
    good = [["order.created", json.dumps({"id": n}), str(n % 2 * 7)] for n in range(45)]
    bad = [b"[nonsense", ["order.craeted", "{}"], ["order.paid", "7"], ["order.created", "{", "0"]]
    send(url, *good[:20], *bad, *good[20:])
    ended = project.run("worker", "--drain")
    shown = project.rows("published", "--limit", "99")
    assert sorted(one["data"]["id"] for one in shown) == list(range(45))
    assert {(one["data"]["id"] % 2 * 7 or None, one["tenant"]) for one in shown} == {
        (None, None),
        (7, "7"),
    }
    assert len(inbox.accepted) == 45
    assert left(url) == []
    reasons = [one.headers["asyncevents-reason"] for one in left(url, QUARANTINE)]
    assert len(reasons) == len(bad)
    for text in ("it is not JSON", "did you mean 'order.created'", "must be an object",
                 "its second part is not JSON"):  # fmt: skip
        assert [one for one in reasons if text in one], reasons
        assert text in ended.stderr


@pytest.mark.parametrize("broker_url", ["RabbitMq"], indirect=True)
def test_without_the_setting_they_stay_for_others(url, make_project, inbox):
    project = make_project(BROKER_URL=url)
    project.run("subscribe", "order.created", inbox.url, "--secret", "supersecret")
    send(url, MESSAGE)
    project.run("publish", "order.created", "{}")
    ended = project.run("worker", "--drain")
    assert len(inbox.accepted) == 1
    assert [json.loads(bytes(one.body)) for one in left(url)] == [MESSAGE]
    assert left(url, QUARANTINE) == []
    assert "MAGENTO_MESSAGES_ENABLED" in ended.stderr


@pytest.mark.parametrize("broker_url", ["RabbitMq"], indirect=True)
def test_by_magentos_own_exchange(url, make_project, inbox):
    """As php-amqplib sends: no content type, an id for each message, which makes it one event."""
    project = make_project(BROKER_URL=url, MAGENTO_MESSAGES_ENABLED=True)
    project.run("subscribe", "order.created", inbox.url, "--secret", "supersecret")
    with kombu.Connection(url) as connection:
        channel = connection.default_channel
        queue = kombu.Queue(TRIGGER, MAGENTO, routing_key=TRIGGER, durable=True)(channel)
        queue.declare()
        for message_id in (uuid.uuid4().hex, "0cc175b9c0f1b6a831c399e269772661"):
            message = amqp.Message(json.dumps(MESSAGE), delivery_mode=2, message_id=message_id)
            for _ in range(2):
                channel.basic_publish(message, exchange="magento", routing_key=TRIGGER)
    project.run("worker", "--drain")
    ids = {one["external_id"] for one in project.rows("published")}
    assert len(ids) == 2
    assert "magento:0cc175b9c0f1b6a831c399e269772661" in ids
    assert len(inbox.accepted) == 2


@pytest.mark.parametrize("broker_url", ["RabbitMq"], indirect=True)
def test_a_ledger_that_is_away_loses_none(url, make_project, inbox):
    project = make_project(BROKER_URL=url, MAGENTO_MESSAGES_ENABLED=True)
    project.run("subscribe", "order.created", inbox.url, "--secret", "supersecret")
    ledger = project.folder / "ledger.db"
    worker = project.start("worker")
    project.await_workers(1)
    with closing(_locked(ledger)):
        send(url, *[["order.created", json.dumps({"id": n})] for n in range(30)])
        time.sleep(1.0)
        worker.kill()
        worker.wait()
    project.run("worker", "--drain")
    assert {one["data"]["id"] for one in project.rows("published", "--limit", "99")} == set(
        range(30)
    )
    assert left(url) == []


def _locked(path):
    """Return a connection that lets nobody else write to a database."""
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("BEGIN IMMEDIATE")
    return connection

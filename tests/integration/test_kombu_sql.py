"""The kombu broker on SQLite: what is particular to it, beyond the conformance suite."""

from __future__ import annotations

import json
import logging
import sqlite3

import pytest
from kombu import Connection

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.kombu.queues import QUARANTINE, TRIGGER, hand_off_queue
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.errors import BrokerUnavailable, MissingExtra
from asyncevents_core.ports.broker import BrokerConfig


@pytest.fixture
def path(tmp_path):
    return tmp_path / "broker.db"


@pytest.fixture
def url(path):
    return f"sqla+sqlite:///{path}"


def rows(path):
    with sqlite3.connect(path) as database:
        return database.execute(
            "SELECT q.name, m.visible, m.payload FROM kombu_message m "
            "JOIN kombu_queue q ON q.id = m.queue_id"
        ).fetchall()


def test_consumed_messages_are_deleted(url, path):
    broker = KombuBroker(BrokerConfig(url=url))
    producer = broker.producer()
    consumer = broker.consumer(prefetch=100)
    for _ in range(30):
        producer.send([uuid7()])
    received = 0
    while received < 30:
        for message in consumer.receive(5.0):
            message.ack()
            received += 1
    consumer._clean_at = 0.0
    consumer.receive(0.05)
    assert rows(path) == []
    consumer.close()
    producer.close()


@pytest.mark.parametrize("body", [b"nonsense", b"{}", b'{"specversion": "1.0", "type": "other"}'])
def test_what_is_no_hand_off_is_put_aside(url, path, body, caplog):
    broker = KombuBroker(BrokerConfig(url=url))
    producer = broker.producer()
    good = [uuid7()]
    with Connection(url) as connection:
        producer.send([uuid7()])
        connection.Producer().publish(
            body,
            exchange="asyncevents",
            routing_key=TRIGGER,
            content_type="application/octet-stream",
            content_encoding="binary",
            declare=[hand_off_queue(BrokerConfig(url=url))],
        )
    producer.send(good)
    consumer = broker.consumer(prefetch=10)
    found = []
    with caplog.at_level(logging.WARNING):
        while good[0] not in found:
            for message in consumer.receive(5.0):
                found += message.ids
                message.ack()
    assert len(found) == 2
    (record,) = [one for one in caplog.records if one.name == "asyncevents.broker"]
    assert record.queue == QUARANTINE
    (aside,) = [payload for name, visible, payload in rows(path) if name == QUARANTINE and visible]
    assert json.loads(aside)["headers"]["asyncevents-reason"] == record.reason
    consumer.close()
    producer.close()


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ("sqla+sqlite:///:memory:", BrokerUnavailable, "needs a file"),
        ("sqla+sqlite:////no/such/folder/b.db", BrokerUnavailable, "/no/such/folder does not"),
        ("nonsense://x", BrokerUnavailable, "unknown transport"),
        ("amqp://user:s3cret@127.0.0.1:1//", BrokerUnavailable, r"user:\*\*@127.0.0.1"),
        ("sqla+nonsense://u:s3cret@h/d", BrokerUnavailable, "nonsense"),
    ],
)
def test_a_broker_that_cannot_be_reached_says_why_without_the_password(wrong, error, text):
    broker = KombuBroker(BrokerConfig(url=wrong))
    with pytest.raises(error, match=text) as raised:
        broker.check()
    assert "s3cret" not in str(raised.value)
    assert "s3cret" not in repr(broker)


def test_a_missing_driver_is_named_with_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"asyncevents-core\[postgresql\]"):
        KombuBroker(BrokerConfig(url="sqla+postgresql+psycopg://u:p@127.0.0.1:1/d")).check()

"""Messages that nobody can read: put aside where people see them, and never read again."""

from __future__ import annotations

import logging

import kombu
import pytest

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.kombu.protocol import QUARANTINE, TRIGGER, hand_off_queue
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.broker import BrokerConfig

NEXT_VERSION = b'{"specversion": "1.0", "type": "asyncevents.handoff.v2", "data": {"ids": []}}'
BODIES = [b"nonsense", b"{}", b"\xff\xfe", NEXT_VERSION]


@pytest.fixture(params=["sqlite", "RabbitMq", "Redis"])
def url(request, start_server, tmp_path):
    if request.param == "sqlite":
        return f"sqla+sqlite:///{tmp_path}/broker.db"
    server = start_server(request.param)
    server.clear()
    return server.url


def send_raw(url, body):
    with kombu.Connection(url) as connection:
        connection.Producer().publish(
            body,
            exchange="asyncevents",
            routing_key=TRIGGER,
            content_type="application/octet-stream",
            content_encoding="binary",
            declare=[hand_off_queue(BrokerConfig(url=url))],
        )


def test_what_is_no_hand_off_is_put_aside_with_the_reason(url, caplog):
    broker = KombuBroker(BrokerConfig(url=url))
    producer, consumer = broker.producer(), broker.consumer(prefetch=10)
    first, last = uuid7(), uuid7()
    producer.send([first])
    for body in BODIES:
        send_raw(url, body)
    producer.send([last])
    found = []
    with caplog.at_level(logging.WARNING, logger="asyncevents.broker"):
        while last not in found:
            for message in consumer.receive(5.0):
                found += message.ids
                message.ack()
        assert list(consumer.receive(0.3)) == []
    consumer.close()
    producer.close()
    assert found == [first, last]
    assert broker.quarantined() == len(BODIES)
    with kombu.Connection(url) as connection:
        queue = hand_off_queue(BrokerConfig(url=url), QUARANTINE)(connection.default_channel)
        aside = [queue.get(accept=None) for _ in BODIES]
        for message in aside:
            message.ack()
    assert [bytes(one.body) for one in aside] == BODIES
    reasons = [one.headers["asyncevents-reason"] for one in aside]
    assert reasons == [one.reason for one in caplog.records]
    assert "asyncevents.handoff.v2" in reasons[-1]


def test_check_tells_of_them(make_project, inbox, start_server):
    server = start_server("RabbitMq")
    server.clear()
    project = make_project(BROKER_URL=server.url)
    send_raw(server.url, b"nonsense")
    project.run("worker", "--drain")
    (finding,) = [one for one in project.rows("check") if one["what"] == "quarantine"]
    assert finding["state"] == "warning"
    assert finding["detail"].startswith("1 message in the queue event.quarantine")
    project.run("worker", "--drain")
    assert len([one for one in project.rows("check") if one["what"] == "quarantine"]) == 1

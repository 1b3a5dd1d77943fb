"""Messages that nobody can read: put aside where people see them, and never read again."""

from __future__ import annotations

import logging
import time
import uuid
import zlib
from contextlib import closing

import kombu
import kombu.message
import pytest

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.kombu.protocol import QUARANTINE, TRIGGER, encode, hand_off_queue
from asyncevents_core.adapters.kombu.received import MOST_KEPT
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


def send_raw(url, body, *, kind="application/octet-stream", encoding="binary", headers=None):
    with kombu.Connection(url) as connection:
        connection.Producer().publish(
            body,
            exchange="asyncevents",
            routing_key=TRIGGER,
            content_type=kind,
            content_encoding=encoding,
            headers=headers or {},
            declare=[hand_off_queue(BrokerConfig(url=url))],
        )


def put_aside(url, count):
    """Take what is in the quarantine: `count` messages."""
    with kombu.Connection(url) as connection:
        queue = hand_off_queue(BrokerConfig(url=url), QUARANTINE)(connection.default_channel)
        aside = [queue.get(accept=None) for _ in range(count)]
        for message in aside:
            message.ack()
        assert queue.get(accept=None) is None
    return aside


def received(consumer, last):
    """Receive and acknowledge until `last` comes."""
    found = []
    until = time.monotonic() + 60
    while last not in found:
        assert time.monotonic() < until, found
        for message in consumer.receive(5.0):
            found += message.ids
            message.ack()
    return found


def test_what_is_no_hand_off_is_put_aside_with_the_reason(url, caplog):
    broker = KombuBroker(BrokerConfig(url=url))
    producer, consumer = broker.producer(), broker.consumer(prefetch=10)
    first, last = uuid7(), uuid7()
    producer.send([first])
    for body in BODIES:
        send_raw(url, body)
    producer.send([last])
    with caplog.at_level(logging.WARNING, logger="asyncevents.broker"):
        found = received(consumer, last)
        assert list(consumer.receive(0.3)) == []
    consumer.close()
    producer.close()
    assert found == [first, last]
    assert broker.quarantined() == len(BODIES)
    aside = put_aside(url, len(BODIES))
    assert [bytes(one.body) for one in aside] == BODIES
    reasons = [one.headers["asyncevents-reason"] for one in aside]
    assert reasons == [one.reason for one in caplog.records]
    assert "asyncevents.handoff.v2" in reasons[-1]


BOMB = zlib.compress(bytes(100_000_000))
DEEP = b"[" * 30_000
HUGE = b"x" * (5 * MOST_KEPT)
# What is sent, with which headers, and what the reason says.
UNREADABLE = [
    (DEEP, {}, "nested too deeply"),
    (b'{"specversion": "1.0", "type": ' + DEEP, {}, "nested too deeply"),
    (b"[" * 200_000, {}, "longer than 65,536 bytes"),
    (b"9" * 5_000, {}, "4300 digits"),
    (b"\xff\xfe\x00", {}, "can't decode"),
    (b'{"specversion": "1.0", "type": "' + b"x" * 60_000 + b'"}', {}, "of type 'xxx"),
    (b"{}", {"compression": "application/x-nonsense"}, "compressed ('application/x-nonsense')"),
    (b"{}", {"compression": "application/x-gzip"}, "compressed ('application/x-gzip')"),
    (BOMB, {"compression": "application/x-gzip"}, "compressed ('application/x-gzip')"),
    (b"{}", {"compression": ["a", {"b": "c"}]}, "compressed (['a', {'b': 'c'}])"),
    (HUGE, {}, "of 5,242,880 bytes the first 1,048,576 are kept"),
    (b"", {}, "Expecting value"),
]


def test_what_cannot_be_unpacked_is_put_aside_once(url, monkeypatch):
    unpacked = []
    monkeypatch.setattr(kombu.message, "decompress", lambda *what: unpacked.append(what))
    broker = KombuBroker(BrokerConfig(url=url))
    first, last = uuid7(), uuid7()
    with closing(broker.producer()) as producer, broker.consumer(prefetch=5) as consumer:
        producer.send([first])
        for body, headers, _ in UNREADABLE:
            send_raw(url, body, headers=headers)
        producer.send([last])
        assert received(consumer, last) == [first, last]
    assert unpacked == []
    with broker.consumer(prefetch=5) as consumer:
        assert list(consumer.receive(0.5)) == []
    assert broker.quarantined() == len(UNREADABLE)
    aside = put_aside(url, len(UNREADABLE))
    assert [bytes(one.body or b"") for one in aside] == [one[:MOST_KEPT] for one, *_ in UNREADABLE]
    for message, (_, headers, reason) in zip(aside, UNREADABLE, strict=True):
        assert reason in message.headers["asyncevents-reason"]
        assert len(message.headers["asyncevents-reason"]) <= 300
        compression = headers.get("compression")
        shown = None if compression is None else repr(compression)
        assert message.headers.get("asyncevents-compression") == shown


@pytest.mark.parametrize("encoding", ["nonsense", "utf-16", "punycode", "zlib", "x" * 200])
def test_a_hand_off_is_read_whatever_it_is_called(url, encoding):
    broker = KombuBroker(BrokerConfig(url=url))
    first, last = uuid7(), uuid7()
    with closing(broker.producer()) as producer, broker.consumer(prefetch=5) as consumer:
        send_raw(url, encode([first]), kind="application/x-unknown", encoding=encoding)
        send_raw(url, b"a" * 300_000, kind="x" * 255, encoding=encoding)
        producer.send([last])
        begun = time.monotonic()
        assert received(consumer, last) == [first, last]
    # Python decodes this much of punycode in minutes.
    assert time.monotonic() - begun < 10
    (message,) = put_aside(url, 1)
    assert (bytes(message.body), message.content_type) == (b"a" * 300_000, "x" * 255)


BROKEN = [
    {"body": "nonsense", "encoding": "nonsense"},
    {"body": "a", "encoding": "base64"},
    {"body": "a", "encoding": 5},
    {"body": 5, "encoding": None},
    {"body": {"a": [1]}, "encoding": None},
    {"body": "\ud800", "encoding": None},
    {"body": None, "encoding": None},
]


@pytest.mark.parametrize("url", ["sqlite", "Redis"], indirect=True)
def test_what_kombu_did_not_pack_is_put_aside_once(url):
    broker = KombuBroker(BrokerConfig(url=url))
    last = uuid7()
    with closing(broker.producer()) as producer, broker.consumer(prefetch=5) as consumer:
        producer.send([uuid7()])
        with kombu.Connection(url) as connection:
            for wrong in BROKEN:
                properties = {
                    "body_encoding": wrong["encoding"],
                    "delivery_tag": str(uuid.uuid4()),
                    "delivery_info": {"exchange": "asyncevents", "routing_key": TRIGGER},
                    "priority": 0,
                }
                packed = {
                    "body": wrong["body"],
                    "content-type": ["no", "text"],
                    "content-encoding": 5,
                    "headers": ["no", "object"],
                    "properties": properties,
                }
                connection.default_channel._put(TRIGGER, packed)
        producer.send([last])
        assert received(consumer, last)[-1] == last
    assert broker.quarantined() == len(BROKEN)
    aside = put_aside(url, len(BROKEN))
    assert {one.content_type for one in aside} == {"application/octet-stream"}
    assert [bytes(one.body or b"") for one in aside[3:]] == [
        b"<int>",
        b"<dict>",
        b"\xed\xa0\x80",
        b"",
    ]


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

"""Messages that are no hand-offs of this version: put aside, or put back for others."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import uuid
import zlib
from contextlib import closing, suppress

import kombu
import kombu.message
import pytest

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.kombu.protocol import QUARANTINE, TRIGGER, encode, hand_off_queue
from asyncevents_core.adapters.kombu.received import MOST_KEPT, receive_as_sent
from asyncevents_core.adapters.kombu.strangers import Strangers
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.broker import BrokerConfig
from tests.integration.project import PATIENCE

HAND_OFF = {"specversion": "1.0", "type": "asyncevents.handoff.v1", "data": {"ids": [str(uuid7())]}}
UNREADABLE = [
    ({**HAND_OFF, "type": "asyncevents.handoff.v2"}, "of type 'asyncevents.handoff.v2'"),
    ({**HAND_OFF, "data": {"ids": []}}, "without a list of 1 to 50 ids"),
    ({**HAND_OFF, "data": {"ids": ["x"] * 51}}, "without a list of 1 to 50 ids"),
    ({**HAND_OFF, "data": {"ids": ["no id"]}}, "badly formed"),
    ({**HAND_OFF, "data": None}, "without a list"),
    ({**HAND_OFF, "ledger": {"no": "id"}}, "badly formed"),
    ({**HAND_OFF, "type": "asyncevents.\ud800"}, "of type"),
]


@pytest.fixture
def url(broker_url):
    return broker_url


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


def taken(url, name, count):
    """Take what is in a queue, as it was sent: `count` messages."""
    with kombu.Connection(url) as connection:
        receive_as_sent(connection.default_channel)
        queue = hand_off_queue(BrokerConfig(url=url), name)(connection.default_channel)
        found = [queue.get(accept=None) for _ in range(count)]
        for message in found:
            message.ack()
        assert queue.get(accept=None) is None
    return found


def received(consumer, last):
    """Receive and acknowledge until `last` comes; None: until anything does."""
    found = []
    until = time.monotonic() + PATIENCE
    while last not in found and not (last is None and found):
        assert time.monotonic() < until, found
        for message in consumer.receive(5.0):
            found += message.ids
            message.ack()
    return found


def test_a_hand_off_that_cannot_be_read_is_put_aside_with_the_reason(url, caplog):
    broker = KombuBroker(BrokerConfig(url=url))
    first, last = uuid7(), uuid7()
    bodies = [json.dumps(one).encode() for one, _ in UNREADABLE]
    with closing(broker.producer()) as producer, broker.consumer(prefetch=10) as consumer:
        producer.send([first])
        for body in bodies:
            send_raw(url, body)
        producer.send([last])
        with caplog.at_level(logging.WARNING, logger="asyncevents.broker"):
            assert received(consumer, last) == [first, last]
            assert list(consumer.receive(0.3)) == []
        assert list(consumer.neighbours()) == []
    assert broker.quarantined() == len(UNREADABLE)
    aside = taken(url, QUARANTINE, len(UNREADABLE))
    assert [bytes(one.body) for one in aside] == bodies
    reasons = [one.headers["asyncevents-reason"] for one in aside]
    assert reasons == [one.reason for one in caplog.records]
    assert [why in one for one, (_, why) in zip(reasons, UNREADABLE, strict=True)] == [True] * 7


BOMB = zlib.compress(bytes(100_000_000))
DEEP = b"[" * 30_000
HUGE = b"x" * (5 * MOST_KEPT)
# What others send, with which headers.
FOREIGN = [
    (b"nonsense", {}),
    (b"{}", {}),
    (b"\xff\xfe", {}),
    (b"null", {}),
    (b'["customer.created", "{}", 0]', {"x-of": "others"}),
    (b'{"specversion": "1.0", "type": "com.example.order", "data": {"ids": []}}', {}),
    (b'{"specversion": "1.0", "type": ["asyncevents."]}', {}),
    (DEEP, {}),
    (b'{"specversion": "1.0", "type": ' + DEEP, {}),
    (b"[" * 200_000, {}),
    (b"9" * 5_000, {}),
    (b'{"specversion": "1.0", "type": "' + b"x" * 60_000 + b'"}', {}),
    (b"{}", {"compression": "application/x-nonsense"}),
    (b"{}", {"compression": "application/x-gzip"}),
    (BOMB, {"compression": "application/x-gzip"}),
    (b"{}", {"compression": ["a", {"b": "c"}]}),
    (HUGE, {}),
    (b"", {}),
]


def without_ours(headers):
    return {name: value for name, value in headers.items() if name != "redelivered"}


def test_what_others_sent_is_put_back_as_it_was(url, monkeypatch, caplog):
    unpacked = []
    monkeypatch.setattr(kombu.message, "decompress", lambda *what: unpacked.append(what))
    broker = KombuBroker(BrokerConfig(url=url))
    first, last = uuid7(), uuid7()
    with closing(broker.producer()) as producer, broker.consumer(prefetch=5) as consumer:
        producer.send([first])
        for body, headers in FOREIGN:
            send_raw(url, body, headers=headers)
        producer.send([last])
        assert received(consumer, last) == [first, last]
        (neighbour,) = consumer.neighbours()
        assert (neighbour.queue, neighbour.ledger_id) == (TRIGGER, None)
        assert "application/octet-stream" in neighbour.source
    assert unpacked == []
    assert broker.quarantined() == 0
    # Named once, however many there are.
    assert caplog.text.count("others send messages to a queue of ours") == 1
    found = taken(url, TRIGGER, len(FOREIGN))
    # Of large ones nobody here keeps all; `size` is that of the whole.
    wanted = sorted((len(body), body[:MOST_KEPT], repr(headers)) for body, headers in FOREIGN)
    back = []
    for message in found:
        headers = without_ours(message.headers)
        if message.compression is not None:
            headers["compression"] = message.compression
        back.append((message.size, bytes(message.body or b""), repr(headers)))
    assert sorted(back) == wanted
    assert {one.content_type for one in found} == {"application/octet-stream"}


def test_more_of_them_than_are_received_at_a_time_hold_nothing_up(url):
    broker = KombuBroker(BrokerConfig(url=url))
    ids = [uuid7() for _ in range(20)]
    with closing(broker.producer()) as producer, broker.consumer(prefetch=3) as consumer:
        producer.send(ids[:1])
        for number in range(60):
            send_raw(url, b"theirs %d" % number)
        for one in ids[1:]:
            producer.send([one])
        assert sorted(received(consumer, ids[-1])) == ids
    assert sorted(bytes(one.body) for one in taken(url, TRIGGER, 60)) == sorted(
        b"theirs %d" % number for number in range(60)
    )


def test_they_do_not_go_round_and_round(url, monkeypatch):
    kept = []
    keep = Strangers.keep

    def counted(self, message):
        kept.append(bytes(message.body))
        keep(self, message)

    monkeypatch.setattr(Strangers, "keep", counted)
    broker = KombuBroker(BrokerConfig(url=url))
    with closing(broker.producer()) as producer, broker.consumer(prefetch=5) as consumer:
        producer.send([uuid7()])
        for number in range(10):
            send_raw(url, b"theirs %d" % number)
        until = time.monotonic() + 4
        while time.monotonic() < until:
            for message in consumer.receive(0.2):
                message.ack()
    # At once, and then after 0.1, 0.2, 0.5, 1, 2 and 5 s.
    counts = {one: kept.count(one) for one in kept}
    assert set(counts) == {b"theirs %d" % n for n in range(10)}
    assert all(2 <= one <= 7 for one in counts.values()), counts


def test_whoever_waits_for_them_gets_them(url):
    """Another program on the same queue, as the original's consumers are."""
    broker = KombuBroker(BrokerConfig(url=url))
    theirs, until = set(), time.monotonic() + 120

    def consume():
        with kombu.Connection(url) as connection:
            queue = hand_off_queue(BrokerConfig(url=url))

            def take(message):
                theirs.add(bytes(message.body))
                message.ack()

            with connection.Consumer(queue, on_message=take, accept=None, prefetch_count=1):
                while len(theirs) < 10 and time.monotonic() < until:
                    with suppress(TimeoutError, socket.timeout):
                        connection.drain_events(timeout=0.2)

    with closing(broker.producer()) as producer, broker.consumer(prefetch=5) as consumer:
        producer.send([uuid7()])
        received(consumer, None)
        thread = threading.Thread(target=consume)
        thread.start()
        for number in range(10):
            send_raw(url, b"theirs %d" % number)
        while thread.is_alive():
            for message in consumer.receive(0.1):
                message.ack()
        thread.join()
    assert theirs == {b"theirs %d" % number for number in range(10)}


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
    (message,) = taken(url, TRIGGER, 1)
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


@pytest.mark.parametrize("broker_url", ["sqlite", "Redis"], indirect=True)
def test_what_kombu_did_not_pack_is_put_back(url):
    broker = KombuBroker(BrokerConfig(url=url))
    last = uuid7()
    tags = [str(uuid.uuid4()) for _ in BROKEN]
    with closing(broker.producer()) as producer, broker.consumer(prefetch=5) as consumer:
        producer.send([uuid7()])
        with kombu.Connection(url) as connection:
            for wrong, tag in zip(BROKEN, tags, strict=True):
                properties = {
                    "body_encoding": wrong["encoding"],
                    "delivery_tag": tag,
                    "delivery_info": {"exchange": "unknown", "routing_key": "unknown"},
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
    assert broker.quarantined() == 0
    with kombu.Connection(url) as connection:
        channel = connection.default_channel
        found = [channel._get(TRIGGER) for _ in BROKEN]
        assert channel._size(TRIGGER) == 0
    assert sorted(one["properties"]["delivery_tag"] for one in found) == sorted(tags)
    bodies = {one["properties"]["delivery_tag"]: one["body"] for one in found}
    assert [bodies[tag] for tag in tags] == [one["body"] for one in BROKEN]
    assert all(one["content-type"] == ["no", "text"] for one in found)


def test_check_tells_of_what_cannot_be_read(make_project, start_server):
    server = start_server("RabbitMq")
    server.clear()
    project = make_project(BROKER_URL=server.url)
    send_raw(server.url, json.dumps({**HAND_OFF, "type": "asyncevents.handoff.v2"}).encode())
    project.run("worker", "--drain")
    (finding,) = [one for one in project.rows("check") if one["what"] == "quarantine"]
    assert finding["state"] == "warning"
    assert finding["detail"].startswith("1 message in the queue event.quarantine")
    project.run("worker", "--drain")
    assert len([one for one in project.rows("check") if one["what"] == "quarantine"]) == 1


def test_check_tells_of_what_others_send(make_project, start_server):
    server = start_server("RabbitMq")
    server.clear()
    project = make_project(BROKER_URL=server.url)
    assert [one for one in project.rows("check") if one["what"] == "neighbours"] == []
    send_raw(server.url, b'["customer.created", "{}", 0]', kind="application/json")
    project.run("worker", "--drain")
    (finding,) = [one for one in project.rows("check") if one["what"] == "neighbours"]
    assert finding["state"] == "warning"
    assert "event.trigger" in finding["detail"]
    assert "'application/json'" in finding["detail"]
    assert "BROKER_PREFIX" in finding["detail"]
    assert len(taken(server.url, TRIGGER, 1)) == 1

"""CloudEvents that other programs put into PUBLISH_QUEUE, on real brokers."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from contextlib import closing

import kombu
import pytest
import redis

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.kombu.protocol import QUARANTINE, hand_off_queue
from asyncevents_core.ports.broker import BrokerConfig, Publication
from tests.integration.test_magento_messages import left, received

QUEUE = "shop.publish"
EVENT = {"specversion": "1.0", "type": "order.created", "source": "/shop"}


def cloud(number, **more):
    return {**EVENT, "id": str(number), "data": {"id": number}, **more}


@pytest.fixture
def url(broker_url):
    return broker_url


def send(url, *bodies, kind="application/cloudevents+json"):
    """Put messages into the queue, by its name alone."""
    with kombu.Connection(url) as connection:
        channel = connection.default_channel
        hand_off_queue(BrokerConfig(url=url), QUEUE)(channel).declare()
        for body in bodies:
            connection.Producer(channel).publish(
                body if isinstance(body, bytes) else json.dumps(body).encode(),
                exchange="",
                routing_key=QUEUE,
                content_type=kind,
                content_encoding="binary",
            )


def accepting(url):
    return KombuBroker(BrokerConfig(url=url, publish_queue=QUEUE))


@pytest.mark.parametrize("kind", ["application/cloudevents+json", "text/plain"])
def test_one_and_many_in_a_message(url, kind):
    broker = accepting(url)
    send(url, cloud(1, tenant="7"), [cloud(2), cloud(3)], kind=kind)
    with broker.publications(prefetch=5) as consumer:
        messages = received(consumer, 2)
        assert all(isinstance(one, Publication) for one in messages)
        events = [event for one in messages for event in one.events]
        assert [(one.data, one.tenant, one.event_id) for one in events] == [
            ({"id": 1}, "7", "cloudevent:/shop 1"),
            ({"id": 2}, None, "cloudevent:/shop 2"),
            ({"id": 3}, None, "cloudevent:/shop 3"),
        ]
        messages[0].ack()
    # What was not acknowledged comes again.
    with broker.publications(prefetch=5) as consumer:
        (again,) = received(consumer, 1)
        assert again.events == messages[1].events
        again.ack()
    assert left(url, QUEUE) == []


BAD = [
    (b"{nonsense", "it is not JSON"),
    (b"\xff\xfe", "it is not JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (7, "event: it is not an object"),
    ([], "1 to 1,000 events"),
    (["order.created", "{}"], "events[0]: it is not an object"),
    (cloud(100, specversion="0.3"), "event.specversion"),
    ([cloud(101), cloud(102, source=None)], "events[1].source"),
    (cloud(103, type="order.craeted"), "did you mean 'order.created'"),
    ([cloud(104), cloud(105, type="order.craeted")], "events[1]: unknown event"),
    (cloud(106, data="x" * 300_000), "MAX_PAYLOAD_BYTES"),
    (cloud(107, data="x" * 1_100_000), "too long"),
    (cloud(3, data={}), "published before"),
    (cloud(108, type="asyncevents.endpoint.disabled"), "itself"),
]


def test_a_worker_publishes_and_delivers_them(url, make_project, inbox):
    project = make_project(BROKER_URL=url, PUBLISH_QUEUE=QUEUE)
    project.run("subscribe", "order.created", inbox.url, "--secret", "supersecret")
    good = [cloud(number, tenant="7") for number in range(20)]
    send(url, *good[:10], *(body for body, _ in BAD), good[10:], *good[:5])
    ended = project.run("worker", "--drain")
    shown = project.rows("published", "--limit", "99")
    assert sorted(one["data"]["id"] for one in shown) == list(range(20))
    assert {one["tenant"] for one in shown} == {"7"}
    assert len(inbox.accepted) == 20
    assert left(url, QUEUE) == []
    reasons = [one.headers["asyncevents-reason"] for one in left(url, QUARANTINE)]
    assert len(reasons) == len(BAD)
    for _, text in BAD:
        assert [one for one in reasons if text in one], (text, reasons)
        assert text in ended.stderr


def test_hand_offs_are_none_of_them(url, make_project, inbox):
    """A queue for hand-offs stays what it is; what is sent there is left to others."""
    project = make_project(BROKER_URL=url, PUBLISH_QUEUE=QUEUE)
    project.run("subscribe", "order.created", inbox.url, "--secret", "supersecret")
    project.run("publish", "order.created", '{"id": 0}')
    send(url, cloud(1))
    project.run("worker", "--drain")
    assert len(inbox.accepted) == 2
    assert left(url, QUARANTINE) == []


@pytest.mark.parametrize("broker_url", ["Redis"], indirect=True)
def test_bare_messages_on_redis(url, make_project, inbox):
    """As programs push them that do not know how kombu wraps its messages."""
    with redis.Redis.from_url(url) as client:
        for body in (cloud(1), [cloud(2), cloud(3)], {"properties": {}}, 7, None, []):
            client.lpush(QUEUE, json.dumps(body))
    broker = accepting(url)
    with broker.publications(prefetch=9) as consumer:
        found = received(consumer, 2)
        assert [len(one.events) for one in found] == [1, 2]
    # They come again, now in an envelope.
    project = make_project(BROKER_URL=url, PUBLISH_QUEUE=QUEUE)
    project.run("subscribe", "order.created", inbox.url, "--secret", "supersecret")
    project.run("worker", "--drain")
    assert len(inbox.accepted) == 3
    assert broker.quarantined() == 4
    assert left(url, QUEUE) == []


@pytest.mark.parametrize("broker_url", ["RabbitMq"], indirect=True)
def test_workers_that_are_killed_lose_none_and_publish_none_twice(url, make_project, inbox):
    project = make_project(BROKER_URL=url, PUBLISH_QUEUE=QUEUE)
    project.run("subscribe", "order.created", inbox.url, "--secret", "supersecret")
    count = 3_000
    send(url, *(cloud(number) for number in range(count)))
    kills = 0
    while published(project) < count * 2 // 3 and kills < 20:
        worker = project.start("worker")
        before = published(project)
        until = time.monotonic() + 60
        while published(project) == before:
            assert worker.poll() is None, "it ended by itself"
            assert time.monotonic() < until, "it publishes nothing"
            time.sleep(0.01)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        kills += 1
    assert kills > 1
    project.run("worker", "--drain")
    with project.events() as events:
        found = events.runtime.ledger.read(
            lambda view: view.events.page(name=None, limit=2 * count, before=None)
        )
    ids = sorted(json.loads(one.published)["id"] for one in found)
    assert ids == list(range(count))
    assert left(url, QUEUE) == []
    assert left(url, QUARANTINE) == []


def published(project):
    """Count the events, without a look at each: it is asked for again and again."""
    with closing(sqlite3.connect(project.folder / "ledger.db")) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM asyncevents_event")
    return count

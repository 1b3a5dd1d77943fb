"""Brokers that say nothing: nobody waits for them for ever, and everybody finds them again."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa

from asyncevents_core.adapters.kombu.broker import KombuBroker
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import BrokerConfig, BrokerOptions
from tests.integration.inbox import SECRET
from tests.integration.project import eventually
from tests.services import silence

SHORT = {"connect_timeout": 2.0, "answer_timeout": 2.0, "keepalive": 1.0}
PROMISED = 30.0
"""Seconds after which every call has ended, whatever hangs."""
URLS = {
    "RabbitMq": "amqp://guest:guest@127.0.0.1:{port}//",
    "Redis": "redis://127.0.0.1:{port}/0",
    "PostgreSql": "sqla+postgresql+psycopg://postgres@127.0.0.1:{port}/{database}",
    "MariaDb": "sqla+mysql+pymysql://root@127.0.0.1:{port}/{database}?charset=utf8mb4",
}


@pytest.fixture(params=sorted(URLS))
def server(request, start_server):
    made = start_server(request.param)
    if request.param in {"RabbitMq", "Redis"}:
        made.clear()
    return made


@pytest.fixture
def proxy(server):
    with silence.before(server.port) as proxy:
        yield proxy


@pytest.fixture
def url(server, proxy):
    name = type(server).__name__
    database = ""
    if name in {"PostgreSql", "MariaDb"}:
        database = sa.make_url(server.new_database()).database
    return URLS[name].format(port=proxy.port, database=database)


@pytest.fixture
def broker(url):
    return KombuBroker(BrokerConfig(url=url, options=BrokerOptions(**SHORT)))


@contextmanager
def ends_in_time():
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < PROMISED


def receive_until(consumer, wanted):
    until = time.monotonic() + PROMISED
    found = set()
    while wanted - found and time.monotonic() < until:
        for message in consumer.receive(0.5):
            found.update(message.ids)
            message.ack()
    return found


def test_a_producer_gives_up_and_finds_it_again(broker, proxy):
    producer = broker.producer()
    producer.send([uuid4()])
    proxy.hush()
    for _ in range(2):
        # On the connection that it has, and on a new one.
        with ends_in_time(), pytest.raises(BrokerUnavailable):
            producer.send([uuid4()])
    proxy.speak()
    last = uuid4()
    producer.send([last])
    producer.close()
    with broker.consumer(prefetch=100) as consumer:
        assert last in receive_until(consumer, {last})


def test_a_consumer_gives_up_and_finds_it_again(broker, proxy, capfd):
    with broker.consumer(prefetch=10) as consumer:
        consumer.receive(0.5)
        proxy.hush()
        with ends_in_time(), pytest.raises(BrokerUnavailable):
            receive_until(consumer, {uuid4()})
        with ends_in_time(), pytest.raises(BrokerUnavailable):
            consumer.receive(0.5)
        proxy.speak()
        producer = broker.producer()
        last = uuid4()
        producer.send([last])
        producer.close()
        assert last in receive_until(consumer, {last})
    assert "EMERGENCY" not in "".join(capfd.readouterr())


def test_a_consumer_closes_though_nobody_answers(broker, proxy, capfd):
    producer = broker.producer()
    producer.send([uuid4()])
    producer.close()
    with broker.consumer(prefetch=10) as consumer:
        until = time.monotonic() + PROMISED
        while not consumer.receive(0.5) and time.monotonic() < until:
            pass
        proxy.hush()
        begun = time.monotonic()
    assert time.monotonic() - begun < PROMISED
    assert "EMERGENCY" not in "".join(capfd.readouterr())


def test_a_check_gives_up(broker, proxy):
    assert broker.check()
    proxy.hush()
    for probe in (broker.check, broker.quarantined):
        with ends_in_time(), pytest.raises(BrokerUnavailable):
            probe()
    proxy.speak()
    assert broker.check()


def test_events_arrive_promptly_and_the_worker_says_why(make_project, inbox, proxy, url):
    project = make_project(BROKER_URL=url, BROKER_OPTIONS=SHORT)
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = project.start("worker")
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(worker.stderr), daemon=True)
    reader.start()

    def arrives(events):
        made = str(events.publish("order.created", {}))
        eventually(lambda: made in {one.event_id for one in inbox.accepted}, what="it arrives")

    with project.events() as events:
        arrives(events)
        proxy.hush()
        arrives(events)
        eventually(
            lambda: any("broker does not answer" in line for line in said), what="it is named"
        )
        # What was published first had to wait for a hand-off that did not come; now it is known.
        eventually(lambda: not events._opened.hand_off.works, what="the publisher knows")
        arrives(events)
        proxy.speak()
        eventually(lambda: any("broker answers again" in line for line in said), what="it is back")
        arrives(events)
    worker.terminate()
    worker.wait(60)
    reader.join(60)
    assert worker.returncode == 0

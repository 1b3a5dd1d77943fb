"""Two applications, each with a ledger of its own, on one broker and without a BROKER_PREFIX."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from uuid import uuid4

import kombu
import pytest

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.kombu.protocol import encode, hand_off_queue
from asyncevents_core.adapters.kombu.sorting import Sorter
from asyncevents_core.adapters.retries import RabbitMqRetryManagerType
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.ports.retry import ScheduledRetry
from tests.integration.inbox import SECRET
from tests.integration.project import eventually

SHOP, ERP = uuid4(), uuid4()


@pytest.fixture(params=["RabbitMq", "quorum", "Redis", "PostgreSql", "MariaDb", "sqlite"])
def config(request, start_server, tmp_path):
    """The broker that both use."""
    if request.param == "sqlite":
        return BrokerConfig(url=f"sqla+sqlite:///{tmp_path}/broker.db")
    if request.param in {"PostgreSql", "MariaDb"}:
        return BrokerConfig(url=f"sqla+{start_server(request.param).new_database()}")
    kind = "RabbitMq" if request.param == "quorum" else request.param
    server = start_server(kind)
    clear(server)
    return BrokerConfig(
        url=server.url, queue_type="quorum" if request.param == "quorum" else "classic"
    )


def clear(server):
    server.clear()
    if hasattr(server, "control"):
        with kombu.Connection(server.url) as connection:
            channel = connection.channel()
            for queue in ("event.trigger", "event.failover.retry"):
                for ledger in (SHOP, ERP):
                    channel.queue_delete(f"{queue}.{ledger}")


def of(config, ledger_id, name):
    return BrokerConfig(
        url=config.url,
        queue_type=config.queue_type,
        ledger_id=lambda: ledger_id,
        source=f"https://{name}.example",
    )


@pytest.fixture
def shop(config):
    return KombuBroker(of(config, SHOP, "shop"))


@pytest.fixture
def erp(config):
    return KombuBroker(of(config, ERP, "erp"))


def receive_all(consumer, *, until):
    """Receive and acknowledge until so many ids have come."""
    found = []
    end = time.monotonic() + 60
    while len(found) < until:
        assert time.monotonic() < end, f"{len(found)} of {until}"
        for message in consumer.receive(0.2):
            found += message.ids
            message.ack()
    return found


def send(broker, ids):
    with closing(broker.producer()) as producer:
        for one in ids:
            producer.send([one])


def test_ids_that_another_ledgers_worker_finds_reach_their_own(shop, erp, caplog):
    ours, theirs = [[uuid7() for _ in range(30)] for _ in range(2)]
    with shop.consumer(prefetch=5) as first:
        # Declares what it receives from: from now on there is a queue for what is its own.
        assert list(first.receive(0.0)) == []
        send(erp, theirs)
        send(shop, ours)
        with caplog.at_level(logging.WARNING, logger="asyncevents.broker"):
            assert sorted(receive_all(first, until=30)) == ours
            assert list(first.receive(0.5)) == []
        (neighbour,) = first.neighbours()
        assert list(first.neighbours()) == []
    assert (neighbour.ledger_id, neighbour.source) == (ERP, "https://erp.example")
    (record,) = caplog.records
    assert (record.source, record.ledger) == ("https://erp.example", str(ERP))
    assert "BROKER_PREFIX" in record.getMessage()
    with erp.consumer(prefetch=5) as second:
        assert sorted(receive_all(second, until=30)) == theirs
        assert list(second.neighbours()) == []


def test_none_goes_more_than_one_way_round(shop, erp, monkeypatch):
    sent_on = []
    send_on = Sorter._send_on

    def counted(self, message, found):
        sent_on.extend(found.ids)
        send_on(self, message, found)

    monkeypatch.setattr(Sorter, "_send_on", counted)
    wanted = {shop: [uuid7() for _ in range(100)], erp: [uuid7() for _ in range(100)]}
    got = {one: [] for one in wanted}

    def all_are_there():
        return all(len(got[one]) == len(ids) for one, ids in wanted.items())

    def work(broker):
        until = time.monotonic() + 60
        with broker.consumer(prefetch=3) as consumer:
            # Both go on until both have theirs: a consumer that ends keeps what it has just got.
            while not all_are_there() and time.monotonic() < until:
                for message in consumer.receive(0.2):
                    got[broker] += message.ids
                    message.ack()

    threads = [threading.Thread(target=work, args=(one,)) for one in wanted]
    for thread in threads:
        thread.start()
    for broker, ids in wanted.items():
        send(broker, ids)
    for thread in threads:
        thread.join(120)
    assert {broker: sorted(ids) for broker, ids in got.items()} == wanted
    assert len(sent_on) == len(set(sent_on))


def test_hand_offs_that_do_not_say_whose_they_are_are_taken(config, shop):
    one = uuid7()
    with kombu.Connection(config.url) as connection:
        connection.Producer().publish(
            encode([one]),
            exchange="asyncevents",
            routing_key="event.trigger",
            content_type="application/cloudevents+json",
            declare=[hand_off_queue(config)],
        )
    with shop.consumer(prefetch=5) as consumer:
        assert receive_all(consumer, until=1) == [one]
        assert list(consumer.neighbours()) == []


def test_what_arrives_while_a_consumer_connects_is_not_waited_for(start_server):
    server = start_server("RabbitMq")
    clear(server)
    config = BrokerConfig(url=server.url)
    ids = [uuid7()]
    send(KombuBroker(of(config, SHOP, "shop")), ids)

    def known_late():
        # Asked after the first queue is received from, and before the second one is declared.
        eventually(lambda: depth(server) == 0, what="the message is on its way")
        return SHOP

    received = []
    consumer = KombuBroker(BrokerConfig(url=server.url, ledger_id=known_late)).consumer(prefetch=5)
    # Far longer than the test waits.
    receiving = threading.Thread(target=lambda: received.extend(consumer.receive(600)), daemon=True)
    receiving.start()
    receiving.join(60)
    assert [one for message in received for one in message.ids] == ids
    for message in received:
        message.ack()
    consumer.close()


def depth(server):
    """Return how many hand-offs wait at the broker, and are not on their way to a consumer."""
    with kombu.Connection(server.url) as connection:
        return connection.channel().queue_declare("event.trigger", passive=True).message_count


def test_retries_through_rabbitmq_come_back_to_their_ledger(start_server):
    server = start_server("RabbitMq")
    clear(server)
    config = BrokerConfig(url=server.url)
    kind = RabbitMqRetryManagerType()
    ours, theirs = kind.open(of(config, SHOP, "shop")), kind.open(of(config, ERP, "erp"))
    ids = sorted(uuid7() for _ in range(10))
    with closing(ours), closing(theirs):
        with theirs.woken(prefetch=5) as consumer:
            ours.schedule([ScheduledRetry(delivery_id=one, deaths=1, delay=1.0) for one in ids])

            def met():
                assert list(consumer.receive(0.2)) == []
                return list(consumer.neighbours())

            assert eventually(met, what="their retries")[0].ledger_id == SHOP
        with ours.woken(prefetch=5) as consumer:
            assert sorted(receive_all(consumer, until=10)) == ids


def test_on_one_sqlite_file_nobody_is_in_anybodys_way(make_project, make_inbox, tmp_path):
    """No message goes through it: workers see events in their ledger."""
    url = f"sqla+sqlite:///{tmp_path}/broker.db"
    shop, erp = (make_project(BROKER_URL=url) for _ in range(2))
    inbox = make_inbox()
    shop.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    shop.run("publish", "order.created", "{}")
    erp.run("worker", "--drain")
    shop.run("worker", "--drain")
    assert len(inbox.accepted) == 1
    assert [one for one in erp.rows("check") if one["what"] == "neighbours"] == []


@pytest.mark.parametrize("kind", ["RabbitMq", "Redis"])
def test_check_names_the_other_application(make_project, make_inbox, start_server, kind):
    server = start_server(kind)
    clear(server)
    url = server.url
    shop, erp = (
        make_project(BROKER_URL=url, SOURCE=f"https://{name}.example") for name in ("shop", "erp")
    )
    inbox = make_inbox()
    shop.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    with shop.events() as events:
        event_id = events.publish("order.created", {})
        assert events.flush(60)
        ledger_id = events.runtime.ledger.read(lambda view: view.neighbours.ledger_id())
    erp.run("worker", "--drain")
    (finding,) = [one for one in erp.rows("check") if one["what"] == "neighbours"]
    assert finding["state"] == "warning"
    assert str(ledger_id) in finding["detail"]
    assert "https://shop.example" in finding["detail"]
    assert "BROKER_PREFIX" in finding["detail"]
    (status,) = erp.rows("status")
    (problem,) = [one for one in status["problems"] if one["kind"] == "neighbour"]
    assert f"{problem['words']}: {problem['advice']}" == finding["detail"]
    shop.run("worker", "--drain")
    assert [one.event_id for one in inbox.accepted] == [str(event_id)]
    assert [one for one in shop.rows("check") if one["what"] == "neighbours"] == []


@pytest.mark.parametrize("prefixes", [("shop.", "erp."), ("", "erp.")])
def test_with_prefixes_there_are_no_neighbours(
    make_project, make_inbox, start_server, tmp_path, prefixes
):
    url = f"sqla+sqlite:///{tmp_path}/broker.db"
    projects = [make_project(BROKER_URL=url, BROKER_PREFIX=one) for one in prefixes]
    with projects[0].events() as events:
        events.publish("order.created", {})
        assert events.flush(60)
    for project in reversed(projects):
        project.run("worker", "--drain")
        assert [one for one in project.rows("check") if one["what"] == "neighbours"] == []

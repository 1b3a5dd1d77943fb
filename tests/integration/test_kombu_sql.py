"""The kombu broker on SQLite: what is particular to it, beyond the conformance suite."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from sqlalchemy.exc import OperationalError

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.domain.instant import uuid7
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


OPENING = """
import sys, time
from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.ports.broker import BrokerConfig

broker = KombuBroker(BrokerConfig(url=sys.argv[1]))
print("imported", flush=True)
sys.stdin.readline()
broker.check()
"""


def test_many_processes_at_once_on_a_new_database(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING, f"sqla+sqlite:///{tmp_path}/broker.db"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for one in processes:
        assert one.stdout.readline() == "imported\n"
    for one in processes:
        one.stdin.write("\n")
        one.stdin.flush()
    for one in processes:
        _, errors = one.communicate(timeout=120)
        assert (one.returncode, errors) == (0, "")


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


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ("sqla+sqlite:///:memory:", BrokerUnavailable, "needs a file"),
        ("sqla+sqlite:////no/such/folder/b.db", BrokerUnavailable, "/no/such/folder does not"),
        (
            "nonsense://x",
            BrokerUnavailable,
            "nonsense://x: No such transport: nonsense; amqp://, redis://",
        ),
        ("amqp://user:s3cret@127.0.0.1:1//", BrokerUnavailable, r"user:\*\*\*@127.0.0.1"),
        ("sqla+nonsense://u:s3cret@h/d", BrokerUnavailable, "nonsense"),
        ("confluentkafka://u:s3cret@h", BrokerUnavailable, "BROKER_URL confluentkafka://"),
    ],
)
def test_a_broker_that_cannot_be_reached_says_why_without_the_password(wrong, error, text):
    broker = KombuBroker(BrokerConfig(url=wrong))
    with pytest.raises(error, match=text) as raised:
        broker.check()
    assert "s3cret" not in str(raised.value)
    assert "s3cret" not in repr(broker)


@pytest.mark.parametrize(
    "reason",
    [
        "(1213, 'Deadlock found when trying to get lock; try restarting transaction')",
        "deadlock detected",
        "database is locked",
    ],
)
def test_after_a_deadlock_a_consumer_asks_again_and_keeps_what_it_has(
    tmp_path, monkeypatch, reason
):
    broker = KombuBroker(BrokerConfig(url=f"sqla+sqlite:///{tmp_path}/broker.db"))
    sent = sorted(uuid7() for _ in range(2))
    with broker.consumer(prefetch=9) as consumer, closing(broker.producer()) as producer:
        producer.send(sent[:1])
        (first,) = consumer.receive(30)
        asked, get = [], type(consumer._channel)._get

        def deadlocked(channel, queue):
            asked.append(queue)
            if len(asked) == 1:
                raise OperationalError("UPDATE", {}, Exception(reason))
            return get(channel, queue)

        monkeypatch.setattr(type(consumer._channel), "_get", deadlocked)
        producer.send(sent[1:])
        (second,) = consumer.receive(30)
        assert len(asked) > 1
        assert [*first.ids, *second.ids] == sent
        first.ack()
        second.ack()


def test_a_missing_driver_is_named_with_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    broker = KombuBroker(BrokerConfig(url="sqla+postgresql+psycopg://u:p@127.0.0.1:1/d"))
    for connects in (broker.check, broker.validate):
        with pytest.raises(MissingExtra, match=r"asyncevents-core\[postgresql\]"):
            connects()


@pytest.mark.parametrize("wrong", ["nonsense://x", "sqla+nonsense://x/d", "confluentkafka://x"])
def test_a_url_that_can_never_work_is_found_without_connecting(wrong):
    with pytest.raises(BrokerUnavailable):
        KombuBroker(BrokerConfig(url=wrong)).validate()


@pytest.mark.parametrize("right", ["amqp://127.0.0.1:1//", "redis://127.0.0.1:1/0"])
def test_one_that_may_answer_later_is_none(right):
    KombuBroker(BrokerConfig(url=right)).validate()

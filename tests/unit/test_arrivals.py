"""Events that workers see in the ledger's file, without a broker."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.adapters.sqlalchemy.arrivals import FileArrivals
from asyncevents_core.adapters.sqlalchemy.file_changes import FileChanges
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import MOST_IDS, BrokerConfig
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.schema import Settings

LONG = 30.0


@pytest.fixture
def events(tmp_path):
    settings = {"EVENTS": {"a": {}}, "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db"}
    with AsyncEvents(settings) as made:
        made.upgrade()
        yield made


@pytest.fixture
def arrivals(events) -> FileArrivals:
    with events.runtime.ledger.arrivals() as made:
        assert made.receive(0) == []
        yield made


def ids_of(messages):
    return [one for message in messages for one in message.ids]


def test_what_is_published_arrives_once(events, arrivals):
    first = events.publish("a", {})
    received = arrivals.receive(LONG)
    assert ids_of(received) == [first]
    second = events.publish("a", {})
    assert ids_of(arrivals.receive(LONG)) == [second]
    assert arrivals.receive(0.02) == []


def test_what_another_process_publishes(events, arrivals, tmp_path):
    code = (
        "import sys; from asyncevents_core import AsyncEvents\n"
        "with AsyncEvents({'EVENTS': {'a': {}}, 'LEDGER_URL': sys.argv[1]}) as events:\n"
        "    print(events.publish('a', {}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path}/ledger.db"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert [str(one) for one in ids_of(arrivals.receive(LONG))] == [done.stdout.strip()]
    # It needed no broker for that.
    assert [one.name for one in tmp_path.iterdir() if "broker" in one.name] == []


def test_what_was_acknowledged_and_is_not_claimed_comes_again(events, arrivals):
    """As after a claim that found the service busy: it is open, and due again."""
    published = events.publish("a", {})
    (message,) = arrivals.receive(LONG)
    message.ack()
    events.publish("a", {})
    assert published in ids_of(arrivals.receive(LONG))


def test_what_is_claimed_parked_or_not_due_does_not_arrive(events, arrivals):
    claimed, parked, later = (events.publish("a", {}) for _ in range(3))
    due_at = events.runtime.ledger.read(lambda view: view.now())

    def move(tx):
        tx.events.mark_fanned_out([claimed])
        tx.events.put_back([parked], due_at=due_at, parked="line")
        tx.events.put_back([later], due_at=due_at + 10**12)

    events.runtime.ledger.run(move)
    assert arrivals.receive(LONG) == []


def test_many_come_in_messages_and_some_ahead(events, arrivals):
    published = events.publish_many([("a", {})] * 700)
    some = arrivals.receive(LONG)
    assert len(ids_of(some)) == 256
    assert max(len(message.ids) for message in some) == MOST_IDS
    seen = set(ids_of(some))
    while len(seen) < 700:
        for message in some:
            events.runtime.ledger.run(lambda tx, ids=message.ids: tx.events.mark_fanned_out(ids))
            message.ack()
        some = arrivals.receive(LONG)
        assert some
        seen.update(ids_of(some))
    assert seen == set(published)


def test_a_file_that_cannot_be_read_is_worth_another_try(arrivals, monkeypatch):
    def fail(changes, timeout):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(FileChanges, "wait", fail)
    with pytest.raises(BrokerUnavailable, match="disk I/O error"):
        arrivals.receive(0)


def test_servers_tell_nobody():
    ledger = SqlLedger("postgresql+psycopg://localhost/x", cipher=Cipher([]))
    assert not ledger.tells_of_events
    with pytest.raises(BrokerUnavailable, match="only a broker"):
        ledger.arrivals()


FILE = "sqla+sqlite:///asyncevents-broker.db"


@pytest.mark.parametrize(
    ("settings", "hands_off"),
    [
        ({}, False),
        ({"BROKER_URL": FILE}, False),
        ({"BROKER_URL": "sqlalchemy+sqlite:///b.db"}, False),
        ({"BROKER_URL": "redis://localhost"}, True),
        ({"BROKER_URL": "sqla+postgresql://localhost/x"}, True),
        ({"LEDGER_URL": "postgresql://localhost/x"}, True),
        ({"MAGENTO_MESSAGES_ENABLED": True}, True),
    ],
)
def test_where_the_broker_is_used(settings, hands_off):
    with Runtime(Settings.from_mapping({"EVENTS": {"a": {}}, **settings})) as runtime:
        assert runtime.hands_off is hands_off
        # It stays so when the broker has been made.
        runtime.broker.validate()
        assert runtime.hands_off is hands_off


def test_a_broker_that_was_given_is_used():
    broker = KombuBroker(BrokerConfig(url=FILE))
    with Runtime(Settings.from_mapping({"EVENTS": {"a": {}}}), broker=broker) as runtime:
        assert runtime.hands_off

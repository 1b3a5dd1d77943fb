"""Following the log beside transactions that commit in another order than they began."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from attrs import evolve

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.adapters.sqlalchemy.outcomes import attempt_values
from asyncevents_core.adapters.sqlalchemy.schema import attempt
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.engine.searching.tail import LONGEST_WAIT, LogFollower
from asyncevents_core.testing.builders import (
    make_attempt,
    make_delivery,
    make_event,
    make_subscription,
)


@pytest.fixture(params=["PostgreSql", "MariaDb"])
def url(request, start_server):
    return start_server(request.param).new_database()


@pytest.fixture
def ledger(url):
    made = SqlLedger(url, cipher=Cipher([]))
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def other(url):
    """A transaction of another process, open."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def new_attempt(ledger):
    event = make_event()
    subscription_id = ledger.run(lambda tx: tx.subscriptions.insert(make_subscription()))
    delivery = evolve(make_delivery(), event_id=event.id, subscription_id=subscription_id)
    ledger.run(lambda tx: tx.events.insert([event], due_in=0))
    ledger.run(lambda tx: tx.deliveries.insert([delivery]))
    return make_attempt(delivery_id=delivery.id)


def log(ledger):
    """Write an attempt and commit it."""
    one = new_attempt(ledger)
    ledger.run(lambda tx: tx.outcomes.record([one]))
    return one.delivery_id


def write(ledger, connection):
    """Write an attempt within an open transaction."""
    one = new_attempt(ledger)
    connection.execute(sa.insert(attempt), attempt_values(one))
    return one.delivery_id


def deliveries(rows):
    return [one.attempt.delivery_id for one in rows]


def test_a_lower_number_that_is_seen_later_is_not_missed(ledger, other):
    follower = LogFollower(ledger, LogFilter())
    late = write(ledger, other)
    first = log(ledger)
    assert deliveries(follower.poll()) == [first]
    second = log(ledger)
    assert deliveries(follower.poll()) == [second]
    other.commit()
    assert deliveries(follower.poll()) == [late]
    assert follower.poll() == []


def test_one_that_is_under_way_when_following_begins_is_not_missed(ledger, other):
    late, _ = write(ledger, other), log(ledger)
    follower = LogFollower(ledger, LogFilter())
    assert follower.poll() == []
    other.commit()
    assert deliveries(follower.poll()) == [late]


def test_a_number_that_never_comes_is_given_up(ledger, other):
    time = 0.0
    follower = LogFollower(ledger, LogFilter(), clock=lambda: time)
    write(ledger, other)
    log(ledger)
    follower.poll()
    other.rollback()
    assert len(follower._missing) == 1
    time = LONGEST_WAIT + 1
    follower.poll()
    assert not follower._missing

"""The log as it grows, on a ledger whose transactions run one at a time."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.engine.searching import tail as following
from asyncevents_core.engine.searching.tail import LogFollower
from tests.unit.harness import fails, ok
from tests.unit.logged import log


def deliveries(rows):
    return [one.attempt.delivery_id for one in rows]


def test_what_is_written_from_now_on_is_read_once(ledger):
    log(ledger)
    follower = LogFollower(ledger, LogFilter())
    assert follower.poll() == []
    written = [log(ledger), log(ledger)]
    assert deliveries(follower.poll()) == written
    assert follower.poll() == []
    written = [log(ledger)]
    assert deliveries(follower.poll()) == written


def test_one_that_began_earlier_and_ended_later_is_not_missed(ledger):
    follower = LogFollower(ledger, LogFilter())
    quick = log(ledger, started_at=2_000_000)
    assert deliveries(follower.poll()) == [quick]
    slow = log(ledger, started_at=1_000_000, duration=60.0)
    assert deliveries(follower.poll()) == [slow]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (LogFilter(), [0, 1, 2]),
        (LogFilter(event_name="order.paid"), [1]),
        (LogFilter(subscription_id=2), [1, 2]),
        (LogFilter(delivered=True), [0, 1]),
        (LogFilter(delivered=False), [2]),
        (LogFilter(since=2), [1, 2]),
        (LogFilter(until=2), [0]),
        (LogFilter(subscription_id=2, delivered=False), [2]),
    ],
    ids=str,
)
def test_a_filter_says_which(ledger, wanted, meant):
    follower = LogFollower(ledger, wanted)
    written = [
        log(ledger, started_at=1),
        log(ledger, started_at=2, name="order.paid", subscription_id=2),
        log(ledger, started_at=3, subscription_id=2, outcome=OutcomeKind.PERMANENT),
    ]
    assert deliveries(follower.poll()) == [written[one] for one in meant]


def test_of_one_tenant(harness):
    harness.subscribe(tenant="a")
    mine = harness.subscribe(tenant="b")
    follower = LogFollower(harness.ledger, LogFilter(tenant="b"))
    log(harness.ledger, subscription_id=1)
    written = log(harness.ledger, subscription_id=mine)
    assert deliveries(follower.poll()) == [written]


def test_more_than_a_page_is_read_at_once(ledger, monkeypatch):
    monkeypatch.setattr(following, "PAGE", 2)
    follower = LogFollower(ledger, LogFilter())
    written = [log(ledger) for _ in range(3)]
    assert deliveries(follower.poll()) == written[:2]
    assert follower.behind
    assert deliveries(follower.poll()) == written[2:]
    assert not follower.behind


def test_what_a_worker_does_is_followed(harness):
    harness.subscribe()
    follower = LogFollower(harness.ledger, LogFilter())
    harness.attempt(harness.claim(harness.publish()).leases, fails)
    assert [one.attempt.outcome for one in follower.poll()] == ["retryable"]
    harness.clock.advance(10.0)
    harness.attempt(harness.due().leases, ok)
    assert [one.attempt.outcome for one in follower.poll()] == ["delivered"]


def test_after_everything_was_deleted_the_next_is_read(harness):
    harness.subscribe()
    follower = LogFollower(harness.ledger, LogFilter())
    harness.attempt(harness.claim(harness.publish()).leases, ok)
    assert len(follower.poll()) == 1
    before = harness.ledger.read(lambda view: view.now()) + 10**12
    harness.ledger.run(
        lambda tx: tx.tasks.delete_old(before=before, after=None, limit=99, indexed=False)
    )
    assert follower.poll() == []
    written = log(harness.ledger)  # a database may give its number a second time
    assert deliveries(follower.poll()) == [written]


def test_a_read_that_the_ledger_repeats_loses_nothing(ledger, monkeypatch):
    follower = LogFollower(ledger, LogFilter())
    written = log(ledger)
    once = ledger.read

    def twice(query):
        once(query)
        return once(query)

    monkeypatch.setattr(ledger, "read", twice)
    assert deliveries(follower.poll()) == [written]

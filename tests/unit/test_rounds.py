"""One transaction of the claimer."""

from __future__ import annotations

import pytest
from attrs import frozen

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.worker import Role
from asyncevents_core.worker.ledger_health import ON_TIME, SETTLE, LedgerHealth
from asyncevents_core.worker.rounds import Round, Rounds


@frozen
class Message:
    ids: tuple


@pytest.fixture
def health():
    """That of a process that has written its beats on time."""
    made = LedgerHealth()
    for _ in range(4):
        made.beaten()
    return made


@pytest.fixture
def execute(harness, health):
    rounds = Rounds(
        index=harness._index,
        events=harness._claims,
        due=harness._due,
        permits=harness.permits,
        roles=[Role.TRIGGER, Role.RETRY],
        owner=harness.owner,
        health=health,
    )

    def run(**wanted):
        result, plan = harness.ledger.run(lambda tx: rounds.execute(tx, Round(**wanted)))
        harness.permits.take(plan)
        return result

    return run


def test_a_sweep_that_found_as_many_as_it_looked_for_tells_that_there_may_be_more(harness, execute):
    harness.subscribe()
    for _ in range(5):
        harness.publish()
    harness.clock.advance(10)
    first = execute(room=3, sweep=500)
    assert (first.events, first.more_events) == (3, True)
    second = execute(room=100, sweep=500)
    assert (second.events, second.more_events) == (2, False)


def test_events_of_hand_offs_do_not_count_as_swept(harness, execute):
    harness.subscribe()
    harness.publish()
    harness.clock.advance(10)
    assert not execute(room=10).more_events
    assert not execute(room=2, sweep=None).more_events


def test_what_runs_alone_is_the_only_one_that_its_transaction_starts(harness, execute):
    harness.subscribe()
    vanishing = harness.second()
    vanishing.claim(harness.publish())
    harness.clock.advance(harness.policy.delivery_lease + 1)
    vanishing.due()
    harness.clock.advance(harness.policy.delivery_lease + 1)
    more, swept = harness.publish(), harness.publish()
    harness.clock.advance(10)
    result = execute(room=200, messages=[Message(ids=(more,))], due=True, sweep=500)
    assert [lease.alone for lease in result.leases] == [True]
    assert result.left_waiting
    assert harness.states(more) == [DeliveryState.WAITING]
    assert harness.event(swept).state is EventState.OPEN


@pytest.fixture
def workers(harness):
    """Return the ids of the workers, another that is silent and this one, after a minute."""
    other = harness.second()
    other.beat()
    harness.beat()
    harness.clock.advance(60)

    def ids():
        return {one.id for one in harness.ledger.read(lambda queries: queries.workers())}

    assert ids() == {other.owner, harness.owner}
    return ids


def test_after_an_outage_silent_workers_get_time_to_write_a_beat(harness, health, workers, execute):
    health.lost()
    health.found()
    execute(room=0, reap=True)
    assert len(workers()) == 2
    health._up_since -= SETTLE
    execute(room=0, reap=True)
    assert workers() == {harness.owner}


def test_after_a_stall_silent_workers_are_reaped_once_beats_are_on_time_again(
    harness, health, workers, execute
):
    health._last_beat -= ON_TIME + 1
    execute(room=0, reap=True)
    assert len(workers()) == 2
    for _ in range(3):
        health.beaten()
        execute(room=0, reap=True)
        assert len(workers()) == 2
    health.beaten()
    execute(room=0, reap=True)
    assert workers() == {harness.owner}


def test_a_worker_that_just_started_reaps_nobody():
    health = LedgerHealth()
    health.beaten()
    assert health.settled
    assert not health.steady

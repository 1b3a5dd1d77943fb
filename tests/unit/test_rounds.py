"""One round of claiming, and what decides about it."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.worker import Role
from asyncevents_core.worker.claim_state import ClaimState, Situation, Taken
from asyncevents_core.worker.ledger_health import ON_TIME, SETTLE, LedgerHealth


@pytest.fixture
def health():
    """That of a process that has written its beats on time."""
    made = LedgerHealth()
    for _ in range(4):
        made.beaten()
    return made


def test_a_sweep_that_found_as_many_as_it_looked_for_tells_that_there_may_be_more(harness):
    harness.subscribe()
    for _ in range(5):
        harness.publish()
    harness.clock.advance(10)
    first = harness.round(room=3, sweep=500)
    assert (first.events, first.more_events) == (3, True)
    second = harness.round(room=100, sweep=500)
    assert (second.events, second.more_events) == (2, False)


def test_events_of_hand_offs_do_not_count_as_swept(harness):
    harness.subscribe()
    harness.publish()
    harness.clock.advance(10)
    assert not harness.round(room=10).more_events
    assert not harness.round(room=2).more_events


def test_what_runs_alone_is_the_only_one_that_its_transaction_starts(harness):
    harness.subscribe()
    vanishing = harness.second()
    vanishing.claim(harness.publish())
    harness.clock.advance(harness.policy.delivery_lease + 1)
    vanishing.due()
    harness.clock.advance(harness.policy.delivery_lease + 1)
    more, swept = harness.publish(), harness.publish()
    harness.clock.advance(10)
    result = harness.round(
        room=200, event_ids=frozenset([more]), due=True, expired=True, idle=True, sweep=500
    )
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
        return {one.id for one in harness.ledger.read(lambda view: view.workers.all())}

    assert ids() == {other.owner, harness.owner}
    return ids


@pytest.fixture
def look_after(harness, health):
    """Do what a worker with this health decides on, when it is time to look."""
    state = ClaimState(roles=frozenset([Role.RETRY]))

    def run():
        seen = Situation(now=1.0, ledger_settled=health.settled, ledger_steady=health.steady)
        wanted = state.next_round(seen, Taken(), [], [])
        assert wanted.release
        harness.round(room=0, release=True)
        if state.reaps(seen):
            harness.reap()

    return run


def test_after_an_outage_silent_workers_get_time_to_write_a_beat(
    harness, health, workers, look_after
):
    health.lost()
    health.found()
    look_after()
    assert len(workers()) == 2
    health._up_since -= SETTLE
    look_after()
    assert workers() == {harness.owner}


def test_after_a_stall_silent_workers_are_reaped_once_beats_are_on_time_again(
    harness, health, workers, look_after
):
    health._last_beat -= ON_TIME + 1
    look_after()
    assert len(workers()) == 2
    for _ in range(3):
        health.beaten()
        look_after()
        assert len(workers()) == 2
    health.beaten()
    look_after()
    assert workers() == {harness.owner}


def test_a_worker_that_just_started_reaps_nobody():
    health = LedgerHealth()
    health.beaten()
    assert health.settled
    assert not health.steady

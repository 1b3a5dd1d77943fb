"""Replays as jobs: step by step, with a clock that is moved."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.access import ALL, Actor
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.replay_job import JobState
from asyncevents_core.engine.replaying.jobs import (
    LEASE,
    cancel_job,
    count_job,
    give_back_job,
    run_step,
    start_job,
    take_job,
)
from asyncevents_core.errors import NotFound
from tests.unit.harness import OPERATOR
from tests.unit.rerunning import RerunningLedger


def refuses(_):
    return Outcome.permanent("HTTP 400", http_status=400)


def gone(_):
    return Outcome.gone("HTTP 410", http_status=410)


@pytest.fixture
def dead(harness):
    harness.subscribe()
    events = [harness.publish() for _ in range(5)]
    harness.attempt(harness.sweep_now().leases, refuses)
    harness.clock.advance(1)
    return [harness.trace(one).delivery.id for one in events]


def no_search():
    raise AssertionError("nothing is searched")


def begin(harness, *, rate=1000.0, **wanted):
    bounded, total = count_job(harness.ledger, DeadFilter(**wanted))
    return start_job(harness.ledger, bounded, total=total, rate=rate, by=OPERATOR)


def job_of(harness, job):
    return harness.ledger.read(lambda view: view.replays.job(job.id))


def finish(harness, job, owner):
    while run_step(harness.ledger, job.id, owner, no_search) is not None:
        continue
    return job_of(harness, job)


def test_a_job_replays_all_that_was_counted(harness, dead):
    job, owner = begin(harness), uuid7()
    assert job.total == 5
    assert take_job(harness.ledger, owner) == job.id
    done = finish(harness, job, owner)
    assert (done.state, done.made, done.seen) == (JobState.DONE, 5, 5)
    assert take_job(harness.ledger, owner) is None
    assert len(harness.due().leases) == 5


def test_what_dies_later_is_not_meant(harness, dead):
    job, owner = begin(harness), uuid7()
    harness.clock.advance(1)
    harness.publish()
    harness.attempt(harness.sweep_now().leases, refuses)
    take_job(harness.ledger, owner)
    assert finish(harness, job, owner).seen == 5


def test_the_rate_sets_the_pauses(harness, dead):
    job, owner = begin(harness, rate=2.0), uuid7()
    take_job(harness.ledger, owner)
    pauses = [run_step(harness.ledger, job.id, owner, no_search) for _ in range(3)]
    assert pauses == [1.0, 1.0, 0.5]
    slow = begin(harness, rate=0.001, replayed=True)
    take_job(harness.ledger, owner)
    assert run_step(harness.ledger, slow.id, owner, no_search) == 10.0


def test_a_job_of_a_process_that_vanished_goes_on(harness, dead):
    job, first, second = begin(harness, rate=2.0), uuid7(), uuid7()
    take_job(harness.ledger, first)
    run_step(harness.ledger, job.id, first, no_search)
    assert take_job(harness.ledger, second) is None
    harness.clock.advance(LEASE + 2)
    assert take_job(harness.ledger, second) == job.id
    assert run_step(harness.ledger, job.id, first, no_search) is None
    done = finish(harness, job, second)
    assert (done.made, done.seen) == (5, 5)
    assert len(harness.due().leases) == 5


def test_a_step_that_is_run_again_counts_once(harness, dead):
    job, owner = begin(harness, rate=2.0), uuid7()
    take_job(harness.ledger, owner)
    run_step(RerunningLedger(harness.ledger, times=1), job.id, owner, no_search)
    done = finish(harness, job, owner)
    assert (done.made, done.seen) == (5, 5)


def test_a_job_that_is_given_back_goes_on_at_once(harness, dead):
    job, first, second = begin(harness), uuid7(), uuid7()
    take_job(harness.ledger, first)
    give_back_job(harness.ledger, job.id, second)
    assert take_job(harness.ledger, second) is None
    give_back_job(harness.ledger, job.id, first)
    assert take_job(harness.ledger, second) == job.id


def test_a_cancelled_job_ends(harness, dead):
    job, owner = begin(harness, rate=2.0), uuid7()
    take_job(harness.ledger, owner)
    run_step(harness.ledger, job.id, owner, no_search)
    with pytest.raises(NotFound):
        cancel_job(
            harness.ledger,
            job.id,
            by=Actor(who="x", resources=frozenset({ALL}), tenant="7"),
        )
    cancelled = cancel_job(harness.ledger, job.id, by=OPERATOR)
    assert (cancelled.state, cancelled.made) == (JobState.CANCELLED, 2)
    assert run_step(harness.ledger, job.id, owner, no_search) is None
    assert take_job(harness.ledger, owner) is None
    assert cancel_job(harness.ledger, job.id, by=OPERATOR) == cancelled
    with pytest.raises(NotFound):
        cancel_job(harness.ledger, uuid7(), by=OPERATOR)


def test_what_arrived_is_replayed_where_that_is_asked_for(harness):
    harness.subscribe()
    event = harness.publish()
    harness.attempt(harness.sweep_now().leases)
    harness.clock.advance(1)
    assert begin(harness).total == 0
    job, owner = begin(harness, delivered=True), uuid7()
    assert job.total == 1
    for _ in range(2):
        take_job(harness.ledger, owner)
    done = job_of(harness, job)
    while done.state is not JobState.DONE:
        run_step(harness.ledger, job.id, owner, no_search)
        done = job_of(harness, job)
    assert done.made == 1
    assert sorted(harness.states(event)) == [DeliveryState.DELIVERED, DeliveryState.WAITING]


def test_a_recipient_that_is_gone_is_audited(harness):
    number = harness.subscribe(tenant="7")
    harness.publish()
    harness.attempt(harness.sweep_now().leases, gone)
    (entry,) = harness.ledger.read(lambda view: view.access.audit(limit=9, before=None))
    assert (entry.who, entry.action) == ("worker", "subscription.disable")
    assert (entry.subject, entry.tenant) == (str(number), "7")

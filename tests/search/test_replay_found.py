"""Replay by query: each delivery once, whatever happens meanwhile."""

from __future__ import annotations

import json

import pytest

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.replay_job import JobState
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.engine.replaying import by_query
from asyncevents_core.engine.replaying.by_query import count_found, found_filter, replay_found
from asyncevents_core.engine.replaying.jobs import LEASE, run_step, start_job, take_job
from asyncevents_core.engine.searching.feed import IndexFeed
from asyncevents_core.errors import InvalidQuery
from tests.search.steps import asyncevents
from tests.unit.harness import OPERATOR, Harness

VERONICA = Actor.trusted("veronica")


def refuses(_):
    return Outcome.permanent("HTTP 400", http_status=400)


@pytest.fixture
def harness(ledger, clock):
    return Harness(ledger=ledger, clock=clock, policy=Policy(source="/test", indexing=True))


def index(harness, indexer):
    while IndexFeed(harness.ledger, indexer).step():
        continue


def made_of(harness, request):
    """Return what a request is still to send."""
    return [one for one in harness.due().leases if one.delivery.replay_request == request]


def test_each_delivery_is_sent_once_however_many_attempts_it_had(harness, indexer, search):
    harness.subscribe()
    harness.publish()
    harness.attempt(
        harness.sweep_now().leases, lambda _: Outcome.retryable("HTTP 503", http_status=503)
    )
    harness.clock.advance(3600)
    harness.attempt(harness.due().leases, refuses)
    index(harness, indexer)
    wanted = found_filter(harness.ledger, "*:*")
    assert search.count(wanted) == (2, True)
    counted = count_found(harness.ledger, search, wanted)
    assert (counted.deliveries, counted.exact) == (1, True)
    done = replay_found(harness.ledger, search, wanted, by=VERONICA)
    assert (done.made, done.refused, done.passed_over) == (1, 0, 1)
    assert len(made_of(harness, done.request)) == 1


def test_what_is_under_way_is_passed_over(harness, indexer, search):
    harness.subscribe()
    harness.publish()
    harness.attempt(
        harness.sweep_now().leases, lambda _: Outcome.retryable("HTTP 503", http_status=503)
    )
    index(harness, indexer)
    wanted = found_filter(harness.ledger, "*:*")
    assert count_found(harness.ledger, search, wanted).deliveries == 0
    done = replay_found(harness.ledger, search, wanted, by=VERONICA)
    assert (done.made, done.passed_over) == (0, 1)


def test_a_replay_does_not_find_what_it_makes(harness, indexer, search):
    harness.subscribe()
    for _ in range(3):
        harness.publish()
    harness.attempt(harness.sweep_now().leases)
    index(harness, indexer)
    wanted = found_filter(harness.ledger, "success: true")

    def meanwhile(_):
        harness.attempt(harness.due().leases)
        index(harness, indexer)

    done = replay_found(harness.ledger, search, wanted, by=VERONICA, progress=meanwhile)
    assert done.made == 3
    assert search.page("success: true", limit=1).total == 6


def test_those_of_a_disabled_subscription_are_refused(harness, indexer, search):
    number = harness.subscribe()
    harness.publish()
    harness.attempt(harness.sweep_now().leases)
    index(harness, indexer)
    set_status(harness.ledger, [number], SubscriptionStatus.DISABLED, by=OPERATOR)
    wanted = found_filter(harness.ledger, "*:*")
    done = replay_found(harness.ledger, search, wanted, by=VERONICA)
    assert (done.made, done.refused) == (0, 1)


def test_a_date_of_the_query_means_the_same_to_the_end(harness, indexer, search):
    harness.subscribe()
    harness.publish()
    harness.attempt(harness.sweep_now().leases)
    index(harness, indexer)
    wanted = found_filter(harness.ledger, "created: [now-1h TO now]")
    harness.clock.advance(7200)
    assert search.count(wanted) == (1, True)
    assert search.count(found_filter(harness.ledger, wanted.query)) == (0, True)


def test_a_job_of_a_query_goes_on_in_another_process(harness, indexer, search):
    harness.subscribe()
    for _ in range(5):
        harness.publish()
    harness.attempt(harness.sweep_now().leases)
    index(harness, indexer)
    wanted = found_filter(harness.ledger, "success: true")
    total, _ = search.count(wanted)
    job = start_job(harness.ledger, wanted, total=total, rate=2.0, by=OPERATOR)
    first, second = uuid7(), uuid7()
    assert take_job(harness.ledger, first) == job.id
    assert run_step(harness.ledger, job.id, first, lambda: search) == pytest.approx(1.0)
    harness.clock.advance(LEASE + 2)
    assert take_job(harness.ledger, second) == job.id
    assert run_step(harness.ledger, job.id, first, lambda: search) is None
    while run_step(harness.ledger, job.id, second, lambda: search) is not None:
        continue
    done = harness.ledger.read(lambda view: view.replays.job(job.id))
    assert (done.state, done.total, done.made, done.seen) == (JobState.DONE, 5, 5, 5)
    assert len(made_of(harness, job.id)) == 5


def test_a_wrong_query_is_told_before_anything_is_sent(harness, indexer, search):
    wanted = found_filter(harness.ledger, "(tea")
    with pytest.raises(InvalidQuery):
        count_found(harness.ledger, search, wanted)


def test_more_than_are_counted_are_said_to_be_more(harness, indexer, search, monkeypatch):
    monkeypatch.setattr(by_query, "COUNTED", 2)
    monkeypatch.setattr(by_query, "_LOOKED_AT", 1)
    harness.subscribe()
    for count, exact in ((1, True), (2, True), (2, False)):
        harness.publish()
        harness.attempt(harness.sweep_now().leases, refuses)
        index(harness, indexer)
        found = count_found(harness.ledger, search, found_filter(harness.ledger, "*:*"))
        assert (found.deliveries, found.exact) == (count, exact)


def test_the_command(project):
    for number in range(3):
        project.publish("order.created", {"id": number})
    assert asyncevents("worker", "--drain").returncode == 0
    done = asyncevents("replay", "--query", "data.data.id: >0", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 replayed, 0 refused; request ")
    assert "The index is up to date." in done.stderr
    assert asyncevents("worker", "--drain").returncode == 0
    rows = asyncevents("logs", "data.data.id: 2", "--json").stdout.splitlines()
    assert len({json.loads(row)["uuid"] for row in rows}) == 2
    done = asyncevents("replay", "--query", "data.data.id: 9", "--yes")
    assert done.stdout == "there are none: all deliveries that 'data.data.id: 9' finds\n"
    done = asyncevents("replay", "--query", "(", "--yes")
    assert (done.returncode, "position" in done.stderr) == (1, True)
    done = asyncevents("replay", "--query", "*:*", "--dead")
    assert done.returncode == 2

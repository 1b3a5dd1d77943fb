"""How often, when and how long: retries, dead letters, replays."""

from __future__ import annotations

import itertools

import pytest

from asyncevents_core.domain.backoff import DAYS
from asyncevents_core.domain.delivery import DeadReason, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Outcome, OutcomeKind
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.subscription import RetryPolicy, SubscriptionStatus
from asyncevents_core.engine.delivering import recovery
from asyncevents_core.engine.delivering import round as rounds
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.engine.replaying.replay import replay
from asyncevents_core.errors import NotFound, ReplayRefused
from tests.unit.harness import OPERATOR, Harness, fails, ok


def moments(harness: Harness) -> list[int]:
    return [second for second, _ in harness.requests]


def gaps(harness: Harness) -> list[int]:
    seconds = moments(harness)
    return [later - earlier for earlier, later in itertools.pairwise(seconds)]


def test_a_recipient_that_always_fails_gets_six_requests(harness):
    harness.subscribe()
    event_id = harness.publish()
    harness.attempt(harness.claim(event_id).leases, fails)
    harness.run_for(120, fails)
    assert gaps(harness) == [1, 4, 9, 16, 25]
    trace = harness.trace(event_id)
    assert trace.summary == "Dead Lettered with 5 retries"
    assert trace.delivery.state is DeliveryState.DEAD
    assert trace.delivery.reason is DeadReason.EXHAUSTED
    assert [one.outcome for one in trace.attempts] == [OutcomeKind.RETRYABLE] * 6
    assert [one.claim_no for one in trace.attempts] == [1, 2, 3, 4, 5, 6]


def test_the_schedule_for_production_goes_on_for_three_days(ledger, clock):
    policy = Policy(source="/t", schedule=DAYS, maximum_deaths=DAYS.retries)
    harness = Harness(ledger=ledger, clock=clock, policy=policy)
    harness.subscribe()
    event_id = harness.publish()
    harness.attempt(harness.claim(event_id).leases, fails)
    # A step as long as what comes next: days in steps of a second take too long.
    for delay in DAYS.delays:
        harness.clock.advance(delay * (1 + DAYS.jitter))
        harness.attempt(harness.due().leases, fails)
    assert len(harness.requests) == 15
    assert harness.trace(event_id).summary == "Dead Lettered with 14 retries"


def test_a_subscription_keeps_its_own_schedule(ledger, clock):
    policy = Policy(source="/t", schedule=DAYS, maximum_deaths=DAYS.retries)
    harness = Harness(ledger=ledger, clock=clock, policy=policy)
    harness.subscribe(retry=RetryPolicy(schedule=(7.0,), maximum_deaths=2))
    event_id = harness.publish()
    harness.attempt(harness.claim(event_id).leases, fails)
    harness.run_for(60, fails)
    assert gaps(harness) == [7, 7]


def test_with_maximum_deaths_0_there_is_one_request(harness):
    harness.subscribe(retry=RetryPolicy(maximum_deaths=0))
    event_id = harness.publish()
    harness.attempt(harness.claim(event_id).leases, fails)
    harness.run_for(120, fails)
    assert len(harness.requests) == 1
    assert harness.trace(event_id).summary == "Dead Lettered"


def test_the_default_maximum_is_the_policys(ledger, clock):
    harness = Harness(ledger=ledger, clock=clock, policy=Policy(source="/t", maximum_deaths=1))
    harness.subscribe()
    event_id = harness.publish()
    harness.run_for(120, fails)
    assert len(harness.requests) == 2
    assert harness.trace(event_id).summary == "Dead Lettered with 1 retry"


def test_a_subscriptions_schedule_and_jitter_are_used(harness, clock):
    harness.subscribe(retry=RetryPolicy(maximum_deaths=3, schedule=(10.0, 20.0)))
    harness.publish()
    harness.run_for(120, fails)
    assert gaps(harness) == [10, 20, 20]


def test_jitter_moves_the_delay(harness, clock):
    clock.will_draw([1.0])
    harness.subscribe(retry=RetryPolicy(maximum_deaths=1, schedule=(10.0,), jitter=0.5))
    harness.publish()
    harness.run_for(60, fails)
    assert gaps(harness) == [15]


def test_success_after_two_failures(harness):
    harness.subscribe()
    event_id = harness.publish()
    answers = iter([fails, fails, ok])
    harness.run_for(30, lambda lease: next(answers)(lease))
    trace = harness.trace(event_id)
    assert trace.summary == "Delivered with 2 retries"
    assert [one.outcome for one in trace.attempts] == ["retryable", "retryable", "delivered"]


@pytest.mark.parametrize(
    ("retry_after", "gap"), [(30.0, 30), (0.0, 1), (100_000.0, 3600)], ids=["later", "0", "capped"]
)
def test_retry_after_counts_from_the_first_failure_on(harness, clock, retry_after, gap):
    harness.subscribe()
    harness.publish()
    answers = [Outcome.retryable("HTTP 429", http_status=429, retry_after=retry_after)]
    harness.attempt(harness.sweep_now().leases, lambda _: answers[0])
    clock.advance(gap - 0.5)
    assert not harness.due().leases
    clock.advance(0.5)
    assert len(harness.due().leases) == 1


def test_a_permanent_failure_is_a_dead_letter_at_once(harness):
    harness.subscribe()
    event_id = harness.publish()
    harness.run_for(60, lambda _: Outcome.permanent("HTTP 404", http_status=404))
    trace = harness.trace(event_id)
    assert len(harness.requests) == 1
    assert trace.delivery.reason is DeadReason.PERMANENT
    (letter,) = harness.ledger.read(
        lambda view: view.dead_letters.page(DeadFilter(), limit=10, before=None)
    )
    assert letter.id == trace.delivery.id


def test_410_disables_the_subscription_and_holds_what_is_open(harness):
    subscription = harness.subscribe()
    first, second = harness.publish(), harness.publish()
    leases = harness.sweep_now().leases
    by_event = {lease.event.id: lease for lease in leases}
    harness.attempt([by_event[second]], fails)
    harness.attempt([by_event[first]], lambda _: Outcome.gone("HTTP 410", http_status=410))
    found = harness.ledger.read(lambda view: view.subscriptions.get(subscription))
    assert found.status is SubscriptionStatus.DISABLED
    harness.clock.advance(10)
    assert not harness.due().leases
    assert harness.states(second) == [DeliveryState.HELD]
    third = harness.publish()
    assert not harness.sweep_now().leases
    assert harness.states(third) == []


def held(harness):
    """Make a delivery that its disabled subscription holds; return both ids."""
    subscription = harness.subscribe()
    event_id = harness.publish()
    harness.attempt(harness.sweep_now().leases, fails)
    set_status(harness.ledger, [subscription], SubscriptionStatus.DISABLED, by=OPERATOR)
    harness.clock.advance(10)
    harness.due()
    return subscription, event_id


def test_enabling_releases_what_was_held(harness):
    subscription, event_id = held(harness)
    assert harness.states(event_id) == [DeliveryState.HELD]
    set_status(harness.ledger, [subscription], SubscriptionStatus.ENABLED, by=OPERATOR)
    assert harness.look_after() == (0, 1)
    harness.attempt(harness.due().leases, ok)
    assert harness.states(event_id) == [DeliveryState.DELIVERED]
    harness.look_after()
    assert harness.ledger.run(lambda tx: tx.subscriptions.holding()) == []


def test_held_deliveries_are_released_a_batch_a_round_and_are_due(harness, monkeypatch):
    monkeypatch.setattr(recovery, "RELEASE_BATCH", 2)
    monkeypatch.setattr(rounds, "RELEASE_BATCH", 2)
    subscription = harness.subscribe()
    ids = [harness.publish() for _ in range(3)]
    # There is no room for them, and so they wait.
    harness.round(room=0, event_ids=frozenset(ids))
    set_status(harness.ledger, [subscription], SubscriptionStatus.DISABLED, by=OPERATOR)
    assert not harness.due().leases
    assert {harness.states(one)[0] for one in ids} == {DeliveryState.HELD}
    set_status(harness.ledger, [subscription], SubscriptionStatus.ENABLED, by=OPERATOR)

    first, second = (harness.round(room=0, release=True) for _ in range(2))

    assert (first.more_held, first.left_waiting) == (True, True)
    assert (second.more_held, second.left_waiting) == (False, True)
    assert len(harness.due().leases) == 3


def test_a_replay_takes_the_place_of_what_is_still_held(harness):
    subscription, event_id = held(harness)
    set_status(harness.ledger, [subscription], SubscriptionStatus.ENABLED, by=OPERATOR)
    (trace,) = harness.traces(event_id)
    replay(harness.ledger, trace.delivery.id, by=OPERATOR)
    harness.look_after()
    harness.attempt(harness.due().leases, ok)
    assert sorted(harness.states(event_id)) == [DeliveryState.CANCELLED, DeliveryState.DELIVERED]


def test_deleting_cancels_what_is_open_and_keeps_the_log(harness):
    subscription = harness.subscribe()
    event_id = harness.publish()
    harness.attempt(harness.sweep_now().leases, fails)
    set_status(harness.ledger, [subscription], SubscriptionStatus.DELETED, by=OPERATOR)
    trace = harness.trace(event_id)
    assert trace.delivery.state is DeliveryState.CANCELLED
    assert len(trace.attempts) == 1
    harness.clock.advance(100)
    assert not harness.due().leases
    with pytest.raises(NotFound):
        set_status(harness.ledger, [subscription], SubscriptionStatus.ENABLED, by=OPERATOR)


def test_replay_sends_the_same_bytes_as_a_delivery_of_its_own(harness):
    harness.subscribe()
    event_id = harness.publish(data={"id": 7})
    harness.attempt(harness.sweep_now().leases, lambda _: Outcome.permanent("HTTP 400"))
    old = harness.trace(event_id)
    new_id = replay(harness.ledger, old.delivery.id, by=OPERATOR)
    (lease,) = harness.due().leases
    assert lease.delivery.id == new_id
    assert lease.event.body == old.event.body
    harness.attempt([lease], ok)
    first, second = harness.traces(event_id)
    assert first.delivery.state is DeliveryState.DEAD
    assert first.replays == (new_id,)
    assert second.delivery.state is DeliveryState.DELIVERED
    assert second.delivery.replay_of == first.delivery.id
    assert second.summary == "Delivered"


def test_replaying_a_waiting_delivery_cancels_its_retry(harness):
    harness.subscribe()
    event_id = harness.publish()
    harness.attempt(harness.sweep_now().leases, fails)
    replay(harness.ledger, harness.trace(event_id).delivery.id, by=OPERATOR)
    assert sorted(harness.states(event_id)) == ["cancelled", "waiting"]


def test_a_delivered_delivery_can_be_replayed_twice(harness):
    harness.subscribe()
    event_id = harness.publish()
    harness.attempt(harness.sweep_now().leases, ok)
    delivery_id = harness.trace(event_id).delivery.id
    assert replay(harness.ledger, delivery_id, by=OPERATOR) != replay(
        harness.ledger, delivery_id, by=OPERATOR
    )
    harness.attempt(harness.due().leases, ok)
    assert harness.states(event_id) == [DeliveryState.DELIVERED] * 3


def test_replay_is_refused_where_it_would_do_nothing(harness):
    subscription = harness.subscribe()
    event_id = harness.publish()
    leases = harness.sweep_now().leases
    delivery_id = leases[0].delivery.id
    with pytest.raises(ReplayRefused, match="under way"):
        replay(harness.ledger, delivery_id, by=OPERATOR)
    harness.attempt(leases, ok)
    set_status(harness.ledger, [subscription], SubscriptionStatus.DISABLED, by=OPERATOR)
    with pytest.raises(ReplayRefused, match=f"subscriptions enable {subscription}"):
        replay(harness.ledger, delivery_id, by=OPERATOR)
    set_status(harness.ledger, [subscription], SubscriptionStatus.DELETED, by=OPERATOR)
    with pytest.raises(ReplayRefused, match="deleted"):
        replay(harness.ledger, delivery_id, by=OPERATOR)
    with pytest.raises(NotFound):
        replay(harness.ledger, uuid7(), by=OPERATOR)
    assert harness.states(event_id) == [DeliveryState.DELIVERED]

"""Permits: budgets, shares and caps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.engine.delivering.permits import Permits, Verdict


def grant(permits, subscription, count=1):
    plan = permits.plan()
    verdicts = [plan.ask(subscription) for _ in range(count)]
    permits.take(plan)
    return verdicts


def over(permits, subscription, *, slow=False, delivered=True, timed_out=False):
    permits.release(subscription, slow=slow, delivered=delivered, timed_out=timed_out)


def test_the_budget_is_shared_by_all_subscriptions():
    permits = Permits(budget=3, per_subscription=100)
    assert grant(permits, 1, 2) == [Verdict.GRANTED] * 2
    assert grant(permits, 2, 2) == [Verdict.GRANTED, Verdict.FULL]
    assert (permits.free, permits.in_flight) == (0, 3)
    over(permits, 1)
    assert grant(permits, 2) == [Verdict.GRANTED]


def test_a_subscription_has_a_cap_of_its_own():
    permits = Permits(budget=100, per_subscription=2)
    assert grant(permits, 1, 3) == [Verdict.GRANTED, Verdict.GRANTED, Verdict.PARK]
    assert grant(permits, 2) == [Verdict.GRANTED]


def test_a_plan_that_is_dropped_takes_nothing():
    permits = Permits(budget=1, per_subscription=10)
    assert permits.plan().ask(1) is Verdict.GRANTED
    assert permits.free == 1


def test_the_cap_starts_low_and_doubles_with_every_round_of_successes():
    permits = Permits(budget=200, per_subscription=1000)
    caps = []
    for _ in range(5):
        granted = grant(permits, 1, 300).count(Verdict.GRANTED)
        caps.append(granted)
        for _ in range(granted):
            over(permits, 1)
    assert caps == [16, 32, 64, 128, 200]


def test_one_that_hangs_from_the_first_request_on_holds_its_first_cap_only():
    permits = Permits(budget=200, per_subscription=1000)
    grant(permits, 1, 300)
    assert permits.slow_down([1] * 16) == 16
    assert grant(permits, 1) == [Verdict.PARK]
    assert permits.free == 200


def test_the_cap_of_an_idle_subscription_is_remembered_for_a_while():
    permits = Permits(budget=200, per_subscription=1000)
    grant(permits, 1, 16)
    for _ in range(16):
        over(permits, 1)
    assert permits.plan().room(1) == 32
    for other in range(2, 10_002):
        grant(permits, other)
        over(permits, other)
    assert permits.plan().room(1) == 16


def test_of_parked_ones_that_which_may_start_most_comes_first():
    permits = Permits(budget=200, per_subscription=1000)
    grant(permits, 1, 10)
    grant(permits, 2, 16)
    grant(permits, 3, 2)
    assert permits.with_room([1, 2, 3, 4]) == [4, 3, 1]


def test_slow_deliveries_free_the_fast_budget_and_cost_their_subscription_its_share():
    permits = Permits(budget=8, per_subscription=100)
    grant(permits, 1, 8)
    assert permits.slow_down([1] * 8) == 8
    assert permits.free == 8
    # A quarter of the fast budget, while it has slow ones.
    assert grant(permits, 1, 3) == [Verdict.GRANTED, Verdict.GRANTED, Verdict.PARK]
    assert grant(permits, 2, 6) == [Verdict.GRANTED] * 6


def test_the_slow_budget_is_four_times_as_large():
    permits = Permits(budget=2, per_subscription=100)
    for _ in range(4):
        grant(permits, 1, 2)
        grant(permits, 2, 2)
        permits.slow_down([1, 1])
        permits.slow_down([2, 2])
    assert permits.in_flight - (2 - permits.free) == 8
    grant(permits, 3, 2)
    assert permits.slow_down([3, 3]) == 0


def test_time_outs_halve_the_cap_and_successes_restore_it():
    permits = Permits(budget=100, per_subscription=8)
    caps = []
    for delivered, timed_out in [(False, True), (False, True), (False, True), (False, True)]:
        grant(permits, 1)
        over(permits, 1, delivered=delivered, timed_out=timed_out)
        caps.append(permits.plan().room(1))
    assert caps == [4, 2, 1, 1]
    for _ in range(7):
        grant(permits, 1)
        over(permits, 1)
    assert permits.plan().room(1) == 8


def test_a_failure_without_a_time_out_leaves_the_cap():
    permits = Permits(budget=100, per_subscription=8)
    grant(permits, 1)
    over(permits, 1, delivered=False)
    assert permits.plan().room(1) == 8


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["ask", "slow", "done", "late"]))),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_nothing_is_ever_over_budget_or_lost(steps, budget, cap):
    permits = Permits(budget=budget, per_subscription=cap)
    fast: list[int] = []
    slow: list[int] = []
    for subscription, step in steps:
        if step == "ask" and grant(permits, subscription) == [Verdict.GRANTED]:
            fast.append(subscription)
        elif step == "slow" and subscription in fast and permits.slow_down([subscription]):
            fast.remove(subscription)
            slow.append(subscription)
        elif step in {"done", "late"} and subscription in fast + slow:
            was_slow = subscription in slow
            (slow if was_slow else fast).remove(subscription)
            over(permits, subscription, slow=was_slow, timed_out=step == "late")
        assert permits.in_flight == len(fast) + len(slow)
        assert permits.free == budget - len(fast)
        assert len(slow) <= 4 * budget
        assert all((fast + slow).count(one) <= cap for one in range(4))


class TestRates:
    def test_a_rate_limit_spends_tokens_that_come_back_with_time(self):
        now = [100.0]
        permits = Permits(budget=100, per_subscription=100, clock=lambda: now[0])
        rates = {1: 5.0}

        def grant_limited(count):
            plan = permits.plan(rates)
            verdicts = [plan.ask(1) for _ in range(count)]
            permits.take(plan)
            return verdicts.count(Verdict.GRANTED), plan.next_token

        assert grant_limited(8) == (5, 0.2)
        assert grant_limited(1) == (0, 0.2)
        now[0] += 0.3
        granted, wait = grant_limited(8)
        assert granted == 1
        assert 0 < wait < 0.2
        now[0] += 60
        assert grant_limited(80)[0] == 5

    def test_less_than_one_a_second(self):
        now = [0.0]
        permits = Permits(budget=100, per_subscription=100, clock=lambda: now[0])
        granted = 0
        for _ in range(100):
            plan = permits.plan({1: 0.5})
            granted += plan.ask(1) is Verdict.GRANTED
            permits.take(plan)
            now[0] += 0.1
        assert granted == 5

    def test_others_are_not_limited(self):
        permits = Permits(budget=100, per_subscription=100, clock=lambda: 0.0)
        plan = permits.plan({1: 1.0})
        assert [plan.ask(1), plan.ask(1)] == [Verdict.GRANTED, Verdict.PARK]
        assert [plan.ask(2) for _ in range(16)] == [Verdict.GRANTED] * 16

    def test_a_plan_that_is_dropped_spends_nothing(self):
        permits = Permits(budget=100, per_subscription=100, clock=lambda: 0.0)
        permits.plan({1: 1.0}).ask(1)
        assert permits.plan({1: 1.0}).ask(1) is Verdict.GRANTED

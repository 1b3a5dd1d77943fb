"""Permits: budgets, shares and caps."""

from __future__ import annotations

from types import MappingProxyType

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
    """Tokens come from the ledger, and are of use for a second."""

    def setup_method(self):
        self.now = 100.0
        self.permits = Permits(budget=100, per_subscription=100, clock=lambda: self.now)

    def ask(self, count, rates=MappingProxyType({1: 5.0})):
        plan = self.permits.plan(rates)
        verdicts = [plan.ask(1) for _ in range(count)]
        self.permits.take(plan)
        return verdicts.count(Verdict.GRANTED), dict(plan.starved)

    def test_without_a_token_nothing_starts_and_that_is_said(self):
        assert self.ask(3) == (0, {1: 3})
        assert self.permits.asks([1]) == [1]

    def test_tokens_are_spent_once(self):
        self.ask(1)
        self.permits.grant({1: 3}, {1: 0.2})
        assert self.ask(2) == (2, {})
        assert self.ask(2) == (1, {1: 1})
        self.permits.grant({1: 1}, {1: 0.2})
        assert self.ask(2) == (1, {1: 1})

    def test_what_is_not_used_within_a_second_is_lost(self):
        self.ask(1)
        self.permits.grant({1: 3}, {1: 0.2})
        self.now += 0.99
        assert self.permits.plan({1: 5.0}).room(1) == 3
        self.now += 0.01
        assert self.ask(1)[0] == 0

    def test_nothing_is_asked_for_before_there_will_be_some(self):
        self.ask(1)
        self.permits.grant({1: 0}, {1: 0.2})
        assert self.permits.asks([1, 2]) == [2]
        assert self.permits.with_room([1]) == []
        self.now += 0.2
        assert self.permits.asks([1]) == [1]
        assert self.permits.with_room([1]) == [1]

    def test_others_are_not_limited(self):
        plan = self.permits.plan({1: 1.0})
        assert plan.ask(1) is Verdict.PARK
        assert [plan.ask(2) for _ in range(16)] == [Verdict.GRANTED] * 16

    def test_a_plan_that_is_dropped_spends_nothing(self):
        self.ask(1)
        self.permits.grant({1: 1}, {1: 1.0})
        self.permits.plan({1: 5.0}).ask(1)
        assert self.ask(1)[0] == 1

    def test_a_limit_that_was_taken_away_holds_no_more(self):
        self.ask(1)
        assert self.ask(1, {})[0] == 1


class TestProbes:
    """A recipient that fails time after time gets one delivery at a time, with pauses."""

    def setup_method(self):
        self.now = 0.0
        self.permits = Permits(
            budget=100, per_subscription=50, probe_after=3, clock=lambda: self.now
        )

    def end(self, count=1, **how):
        for _ in range(count):
            self.permits.release(1, slow=False, **how)

    def may(self, count=100):
        """Start so many, as far as that is allowed; return how many."""
        return grant(self.permits, 1, count).count(Verdict.GRANTED)

    def fail_often(self):
        """Fail for five seconds; the clock begins anew then."""
        self.end(self.may(1), failed=True)
        self.now += 5.0
        self.end(self.may(2), failed=True)
        self.begin = self.now

    def test_after_some_failures_nothing_starts_for_a_second(self):
        self.end(self.may(2), failed=True)
        self.now = 5.0
        assert self.permits.room(1) > 1
        self.end(self.may(1), failed=True)
        assert grant(self.permits, 1) == [Verdict.PARK]
        self.now = 5.99
        assert self.permits.with_room([1]) == []
        self.now = 6.0
        assert self.permits.with_room([1]) == [1]
        assert self.may() == 1

    def test_many_failures_at_once_are_one_fault(self):
        """Such as a recipient that fails at the first attempt of each delivery."""
        for _ in range(4):
            self.end(self.may(10), failed=True)
            self.now += 1.0
        assert self.permits.room(1) == 16
        self.end(self.may(1), delivered=True)
        self.now += 60.0
        self.end(self.may(10), failed=True)
        assert self.permits.room(1) == 17

    def test_pauses_double_up_to_ten_seconds(self):
        self.fail_often()
        for pause in (1.0, 2.0, 4.0, 8.0, 10.0, 10.0):
            self.now += pause - 0.01
            assert self.permits.room(1) == 0
            self.now += 0.01
            assert self.may() == 1
            self.end(failed=True)

    def test_a_success_ends_it_and_the_cap_grows_from_one(self):
        self.fail_often()
        self.now += 1.0
        for expected in (1, 2, 4, 8, 16, 32, 50):
            assert self.may() == expected
            self.end(expected, delivered=True)
        self.end(self.may(2), failed=True)
        assert self.permits.room(1) == 50

    def test_what_was_under_way_does_not_prolong_the_pause(self):
        self.end(self.may(1), failed=True)
        assert self.may(10) == 10
        self.now += 5.0
        self.end(10, failed=True)
        self.now += 1.0
        assert self.may() == 1

    def test_a_refusal_says_nothing(self):
        """A recipient that refuses an event is there; neither does a worker that stops."""
        self.end(self.may(2), failed=True)
        self.now = 5.0
        self.end(self.may(5))
        assert self.permits.room(1) > 1
        self.end(self.may(1), failed=True)
        assert self.permits.room(1) == 0

    def test_others_go_on(self):
        self.fail_often()
        assert grant(self.permits, 2) == [Verdict.GRANTED]

    def test_it_is_remembered_while_nothing_is_under_way(self):
        self.fail_often()
        assert self.permits.in_flight == 0
        assert self.permits.room(1) == 0

    def test_nobody_is_probed_where_it_is_off(self):
        self.permits = Permits(budget=100, per_subscription=50, probe_after=0)
        self.end(self.may(16), failed=True)
        assert self.permits.room(1) == 16

"""Statistics: attempts counted by minute, by subscription and by time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.histogram import Buckets, Histogram
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.statistics import MINUTE, Minute
from asyncevents_core.domain.trace import Fate, LogFilter
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import (
    START,
    make_attempt,
    make_delivery,
    make_event,
    make_subscription,
)
from tests.clock import ManualClock
from tests.conformance.ledger_base import SECOND, LedgerFixtures, now, publish, subscribe

YES, LATER, NO, GONE, LOST = OutcomeKind
"""Delivered, retryable, permanent, gone, abandoned."""


class Statistics(LedgerFixtures):
    """`view.statistics`."""

    def test_minutes_without_attempts_are_empty(self, ledger: Ledger) -> None:
        found = _minutes(ledger, since=START, until=START + 2 * MINUTE)

        assert found == [Minute(at=START), Minute(at=START + MINUTE)]
        assert found[0].attempts == 0
        assert found[0].times.quantile(0.5) is None

    def test_attempts_belong_to_the_minute_in_which_they_began(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        for at in (START - 1, START, START + MINUTE - 1, START + MINUTE, START + 3 * MINUTE):
            _record(ledger, number, YES, at=at)

        found = _minutes(ledger, since=START + 1, until=START + 2 * MINUTE + 1)

        assert [(one.at, one.attempts) for one in found] == [
            (START, 2),
            (START + MINUTE, 1),
            (START + 2 * MINUTE, 0),
        ]

    @pytest.mark.parametrize("state", DeliveryState)
    @pytest.mark.parametrize("outcome", OutcomeKind)
    @pytest.mark.parametrize("claims", [1, 2])
    def test_fates_are_those_of_the_log(
        self, ledger: Ledger, state: DeliveryState, outcome: OutcomeKind, claims: int
    ) -> None:
        _record(ledger, subscribe(ledger), outcome, at=START, state=state, claims=claims)

        (minute,) = _minutes(ledger, since=START, until=START + MINUTE)

        (row,) = ledger.read(lambda view: view.log.page(LogFilter(), limit=2, before=None))
        assert minute.fates == {row.fate: 1}
        assert bool(minute.times.counts) is (row.fate is Fate.DELIVERED)

    @pytest.mark.parametrize("seconds", [0.0, 0.001, 0.25, 3.0, 75.0, 40_000.0])
    def test_times_count_from_the_publication(
        self, ledger: Ledger, clock: ManualClock, seconds: float
    ) -> None:
        number = subscribe(ledger)
        (event_id,) = publish(ledger)
        published = ledger.read(lambda view: view.events.get(event_id))
        assert published is not None
        begun = published.created_at + round(seconds * SECOND)
        row = make_delivery(event_id=event_id, subscription_id=number, claims=1)
        ledger.run(lambda tx: tx.deliveries.insert([row]))
        one = make_attempt(delivery_id=row.id, started_at=begun, duration=0.5)
        ledger.run(lambda tx: tx.outcomes.record([one]))

        (minute,) = _minutes(ledger, since=begun, until=begun + 1)

        median = minute.times.quantile(0.5)
        assert median == pytest.approx(seconds + 0.5, rel=0.1221)

    def test_what_took_no_time_or_ended_before_it_began_is_a_millisecond(
        self, ledger: Ledger
    ) -> None:
        """The clocks of a publisher's database and of a replica may differ."""
        _record(ledger, subscribe(ledger), YES, at=START, duration=0.0)

        (minute,) = _minutes(ledger, since=START, until=START + MINUTE)

        assert minute.times.quantile(0.5) == 0.001

    def test_times_of_a_replay_count_from_the_replay(self, ledger: Ledger) -> None:
        asked = now(ledger) + 86_400 * SECOND
        begun = asked + SECOND
        row = make_delivery(
            event_id=publish(ledger)[0],
            subscription_id=subscribe(ledger),
            replay_request=uuid7(),
            claims=1,
            created_at=asked,
        )
        ledger.run(lambda tx: tx.deliveries.insert([row]))
        one = make_attempt(delivery_id=row.id, started_at=begun, duration=0.0)
        ledger.run(lambda tx: tx.outcomes.record([one]))

        (minute,) = _minutes(ledger, since=begun, until=begun + 1)

        assert minute.times.quantile(0.5) == pytest.approx(1.0, rel=0.1221)

    def test_of_too_many_the_newest_minutes_are_counted(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        for minute, count in enumerate((1, 3, 2, 1)):
            for _ in range(count):
                _record(ledger, number, YES, at=START + minute * MINUTE)

        def counted(most: int, tenant: str | None = None) -> list[tuple[int, int, bool]]:
            found = _minutes(
                ledger, since=START, until=START + 4 * MINUTE, most=most, tenant=tenant
            )
            return [((one.at - START) // MINUTE, one.attempts, one.exact) for one in found]

        everything = [(0, 1, True), (1, 3, True), (2, 2, True), (3, 1, True)]
        assert counted(8) == everything
        assert counted(7) == everything[1:]
        assert counted(5) == everything[2:]
        assert counted(3) == everything[3:]
        assert counted(5, "nobody") == [(2, 0, True), (3, 0, True)]
        _record(ledger, number, YES, at=START + 3 * MINUTE + 1)
        assert counted(1) == [(3, 1, False)]

    def test_minutes_of_a_tenant(self, ledger: Ledger) -> None:
        own, foreign, free = _one_of_each(ledger)
        for number, outcome in ((own, YES), (own, LATER), (foreign, YES), (free, NO)):
            _record(ledger, number, outcome, at=START)

        def fates(tenant: str | None) -> dict[Fate, int]:
            (minute,) = _minutes(ledger, since=START, until=START + MINUTE, tenant=tenant)
            return dict(minute.fates)

        assert fates("t") == {Fate.DELIVERED: 1, Fate.RETRYING: 1}
        assert fates(None) == {Fate.DELIVERED: 2, Fate.RETRYING: 1, Fate.DEAD_LETTERED: 1}
        assert fates("nobody") == {}

    def test_subscriptions_lately(self, ledger: Ledger) -> None:
        own, foreign, idle = _one_of_each(ledger)
        _record(ledger, own, NO, at=START, duration=9.0)
        for second, outcome in enumerate((YES, LATER, GONE, LOST), start=1):
            _record(ledger, own, outcome, at=START + second, duration=float(second))
        _record(ledger, foreign, YES, at=START + 9, duration=0.5)

        found = ledger.read(lambda view: view.statistics.subscriptions_lately(most=5))

        assert [
            (one.subscription_id, one.attempts, one.failures, one.mean_duration) for one in found
        ] == [(own, 4, 3, 2.5), (foreign, 1, 0, 0.5)]
        assert [one.longest_duration for one in found] == [4.0, 0.5]
        assert (found[0].event_name, found[0].target) == ("sales.order.created", "t")
        of_tenant = ledger.read(lambda view: view.statistics.subscriptions_lately(tenant="u"))
        assert [one.subscription_id for one in of_tenant] == [foreign]
        assert idle not in {one.subscription_id for one in found}

    def test_health_is_the_newest_outcomes_oldest_first(self, ledger: Ledger) -> None:
        one, other, idle = (subscribe(ledger) for _ in range(3))
        for second, outcome in enumerate((LOST, YES, LATER, NO)):
            _record(ledger, one, outcome, at=START + second)
        _record(ledger, other, YES, at=START + 1)

        def health(since: int, each: int, most: int = 100) -> dict[int, list[OutcomeKind]]:
            found = ledger.read(
                lambda view: view.statistics.health(
                    [one, other, idle], since=since, each=each, most=most
                )
            )
            assert found.complete is (most > 5)
            return {key: list(value) for key, value in found.by_subscription.items()}

        assert health(START, 9) == {one: [LOST, YES, LATER, NO], other: [YES]}
        assert health(START, 2) == {one: [LATER, NO], other: [YES]}
        assert health(START + 2, 9) == {one: [LATER, NO]}
        assert health(START, 9, most=3)[one] == [LATER, NO]
        nothing = ledger.read(lambda view: view.statistics.health([], since=0))
        assert nothing.by_subscription == {}

    @pytest.mark.parametrize(
        ("wanted", "meant"),
        [
            (LogFilter(), [(1, 0), (1, 1), (0, 1)]),
            (LogFilter(event_name="y"), [(0, 0), (1, 0), (0, 1)]),
            (LogFilter(tenant="t"), [(0, 0), (0, 1), (0, 1)]),
            (LogFilter(delivered=True), [(1, 0), (1, 0), (0, 0)]),
            (LogFilter(delivered=False), [(0, 0), (0, 1), (0, 1)]),
            (LogFilter(subscription_id=99), [(0, 0), (0, 0), (0, 0)]),
            (LogFilter(since=0, until=1), [(1, 0), (1, 1), (0, 1)]),
        ],
        ids=str,
    )
    def test_the_log_by_time(
        self, ledger: Ledger, wanted: LogFilter, meant: list[tuple[int, int]]
    ) -> None:
        free = subscribe(ledger)
        bound = subscribe(ledger, make_subscription(tenant="t"))
        for number, at in enumerate((0, 10, 19, 20)):
            _record(
                ledger,
                (free, bound)[number % 2],
                (YES, LATER)[number % 2],
                at=START + at,
                name="xxyy"[number],
            )
        _record(ledger, free, YES, at=START - 1)
        _record(ledger, free, YES, at=START + 28)

        found = _histogram(ledger, wanted, Buckets(since=START, until=START + 28, width=10))

        assert [(one.delivered, one.failed) for one in found.bars] == meant
        assert [(one.since - START, one.until - START) for one in found.bars] == [
            (0, 10),
            (10, 20),
            (20, 30),
        ]
        assert found.complete

    def test_of_a_long_log_the_newest_are_counted(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        for at in (0, 10, 20):
            _record(ledger, number, YES, at=START + at)
        buckets = Buckets(since=START, until=START + 30, width=10)

        for wanted in (LogFilter(), LogFilter(subscription_id=number + 1)):
            cut = _histogram(ledger, wanted, buckets, most=2)
            assert (cut.counted_since, cut.complete) == (START + 10, False)
            assert _histogram(ledger, wanted, buckets, most=4).complete
        counted = _histogram(ledger, LogFilter(), buckets, most=2)
        assert [one.delivered for one in counted.bars] == [0, 1, 1]


def _record(
    ledger: Ledger,
    subscription_id: int,
    outcome: OutcomeKind,
    *,
    at: int,
    duration: float = 0.25,
    name: str = "sales.order.created",
    state: DeliveryState = DeliveryState.WAITING,
    claims: int = 1,
) -> None:
    """Write a delivery, of an event of its own, with its first attempt."""
    (event_id,) = publish(ledger, make_event(name=name))
    row = make_delivery(
        event_id=event_id, subscription_id=subscription_id, state=state, claims=claims
    )
    one = make_attempt(delivery_id=row.id, outcome=outcome, started_at=at, duration=duration)
    ledger.run(lambda tx: tx.deliveries.insert([row]))
    ledger.run(lambda tx: tx.outcomes.record([one]))


def _one_of_each(ledger: Ledger) -> tuple[int, int, int]:
    """Return subscriptions of tenants t, u, and of nobody."""
    own, foreign, free = (
        subscribe(ledger, make_subscription(target=one or "none", tenant=one))
        for one in ("t", "u", None)
    )
    return own, foreign, free


def _minutes(
    ledger: Ledger, *, since: int, until: int, tenant: str | None = None, most: int = 1_000
) -> Sequence[Minute]:
    return ledger.read(
        lambda view: view.statistics.minutes(since=since, until=until, tenant=tenant, most=most)
    )


def _histogram(
    ledger: Ledger, wanted: LogFilter, buckets: Buckets, *, most: int = 1_000
) -> Histogram:
    return ledger.read(lambda view: view.statistics.log_histogram(wanted, buckets, most=most))

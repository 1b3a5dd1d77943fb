"""The dashboard: the last hour, what is open, what is wrong; and how little it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from attrs import evolve

from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.problem import ProblemKind
from asyncevents_core.domain.statistics import (
    MINUTE,
    TIME_BOUNDS,
    Minute,
    SubscriptionFigures,
    Times,
)
from asyncevents_core.domain.trace import Fate
from asyncevents_core.engine.upkeep.dashboard import (
    FRESH,
    LATELY_FRESH,
    LISTED,
    Beginning,
    Dashboards,
    failing,
    slowest,
)
from asyncevents_core.engine.upkeep.minutes import MOST_TENANTS, SHOWN, KeptMinutes
from asyncevents_core.testing.builders import (
    make_attempt,
    make_delivery,
    make_event,
    make_subscription,
)
from tests.clock import ManualClock

MOST_QUERIES = 16
REFRESH = 5.0


@pytest.fixture
def dashboards(ledger: SqlLedger, clock: ManualClock) -> Dashboards:
    return Dashboards(ledger, clock, indexing=False)


@pytest.fixture
def send(ledger: SqlLedger) -> Callable[..., int]:
    """Return a function that records attempts of new deliveries, begun so many minutes ago."""

    def record(
        count: int = 1,
        *,
        ago: float = 0.0,
        tenant: str | None = None,
        outcome: OutcomeKind = OutcomeKind.DELIVERED,
        subscription_id: int | None = None,
    ) -> int:
        at = ledger.read(lambda view: view.now()) - round(ago * MINUTE)
        number = subscription_id or ledger.run(
            lambda tx: tx.subscriptions.insert(make_subscription(tenant=tenant))
        )
        events = [make_event(tenant=tenant) for _ in range(count)]
        rows = [
            make_delivery(event_id=one.id, subscription_id=number, claims=1, due_at=at + MINUTE)
            for one in events
        ]
        attempts = [
            make_attempt(delivery_id=one.id, outcome=outcome, started_at=at) for one in rows
        ]
        ledger.run(lambda tx: tx.events.insert(events, due_in=0.0))
        ledger.run(lambda tx: tx.deliveries.insert(rows))
        ledger.run(lambda tx: tx.outcomes.record(attempts))
        return number

    return record


@contextmanager
def asked(ledger: SqlLedger) -> Iterator[list[str]]:
    """Yield the SELECTs that are sent within the block."""
    seen: list[str] = []

    def see(*arguments: object) -> None:
        if str(arguments[2]).startswith("SELECT"):
            seen.append(str(arguments[2]))

    sa.event.listen(ledger._engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        sa.event.remove(ledger._engine, "before_cursor_execute", see)


def attempts_of(minutes: list[Minute]) -> list[int]:
    return [one.attempts for one in minutes]


def test_nothing_was_sent_yet(ledger, dashboards, clock, send):
    first = dashboards.of(None)
    assert first.beginning == Beginning(subscribed=False, published=False)
    assert len(first.minutes) == SHOWN
    assert (first.attempts, first.success_rate, first.oldest_due_seconds) == (0, None, 0.0)
    assert first.times.quantile(0.95) is None
    ledger.run(lambda tx: tx.subscriptions.insert(make_subscription()))
    clock.advance(REFRESH)
    assert dashboards.of(None).beginning == Beginning(subscribed=True, published=False)
    send(ago=90)
    clock.advance(REFRESH)
    assert dashboards.of(None).beginning == Beginning(subscribed=True, published=True)
    assert dashboards.of("t").beginning == Beginning(subscribed=False, published=False)


def test_the_last_hour(dashboards, send):
    send(3, ago=59)
    send(2, ago=10, outcome=OutcomeKind.PERMANENT)
    send(1)
    send(9, ago=60)

    found = dashboards.of(None)

    assert found.minutes[-1].at == found.now
    assert attempts_of(found.minutes) == [3] + [0] * 48 + [2] + [0] * 9 + [1]
    assert (found.count(Fate.DELIVERED), found.count(Fate.DEAD_LETTERED)) == (4, 2)
    assert found.success_rate == pytest.approx(4 / 6)
    assert found.beginning is None


def test_a_refresh_asks_little_however_much_was_sent(ledger, dashboards, clock, send):
    for ago in range(0, 60, 5):
        send(20, ago=ago)
    for refresh in range(30):
        with asked(ledger) as queries:
            dashboards.of(None)
        assert 0 < len(queries) <= MOST_QUERIES
        if refresh:
            counting = [one for one in queries if "AS minute" in one]
            assert len(counting) <= 2
        clock.advance(REFRESH)


def test_all_who_look_at_once_see_the_same(ledger, dashboards, clock, send):
    first = dashboards.of(None)
    send()
    clock.advance(FRESH / 2)
    with asked(ledger) as queries:
        assert dashboards.of(None) is first
    assert queries == []
    clock.advance(FRESH)
    assert dashboards.of(None).attempts == 1


def test_figures_of_subscriptions_are_renewed_now_and_then(dashboards, clock, send):
    dashboards.of(None)
    number = send(outcome=OutcomeKind.GONE)
    clock.advance(LATELY_FRESH - 1)
    assert dashboards.of(None).failing == []
    clock.advance(FRESH)
    assert [one.subscription_id for one in dashboards.of(None).failing] == [number]


def test_a_tenant_sees_what_is_its_own(dashboards, send):
    own = send(2, tenant="t")
    send(5, tenant="u", outcome=OutcomeKind.RETRYABLE)
    send(1, outcome=OutcomeKind.RETRYABLE)

    found, everything = dashboards.of("t"), dashboards.of(None)

    assert (found.attempts, everything.attempts) == (2, 8)
    assert found.success_rate == 1.0
    assert [one.subscription_id for one in found.slowest] == [own]
    assert found.failing == []
    assert (found.backlog.events_open, everything.backlog.events_open) == (2, 8)
    assert (found.status, found.problems) == (None, ())
    assert everything.status is not None
    assert everything.problems[0].kind is ProblemKind.NO_WORKER


def test_minutes_that_are_over_are_not_counted_again(ledger, clock, send):
    kept = KeptMinutes()
    send(1, ago=20)
    look(ledger, kept)
    send(1, ago=20)
    send(1, ago=1)

    assert sum(attempts_of(look(ledger, kept))) == 2
    assert sum(attempts_of(look(ledger, KeptMinutes()))) == 3
    clock.advance(120.0)
    send(1, ago=3)
    assert sum(attempts_of(look(ledger, kept))) == 3, "counted for the last time, three after"
    send(1, ago=3)
    assert sum(attempts_of(look(ledger, kept))) == 3


def test_after_a_pause_only_the_gap_is_counted(ledger, clock, send):
    kept = KeptMinutes()
    send(4, ago=30)
    look(ledger, kept)
    clock.advance(20 * 60.0)
    send(2, ago=10)
    found = look(ledger, kept)
    assert (len(found), sum(attempts_of(found))) == (SHOWN, 6)
    clock.advance(3_600.0)
    assert sum(attempts_of(look(ledger, kept))) == 0


def test_a_busy_hour_comes_bit_by_bit(ledger, send):
    kept = KeptMinutes(at_once=10, older=10, of_one=30)
    for ago, count in ((0, 2), (1, 2), (20, 8), (40, 9), (50, 25)):
        send(count, ago=ago)

    def seen() -> tuple[int, int]:
        found = look(ledger, kept)
        return len(found), sum(attempts_of(found))

    assert seen() == (40, 12)
    assert seen() == (50, 21)
    # A minute alone does not fit: at least so many.
    assert seen() == (51, 31)
    assert seen() == (SHOWN, 31)
    assert [one.exact for one in look(ledger, kept)].count(False) == 1


def test_where_the_newest_minutes_are_too_many_one_is_counted_at_a_time(ledger, clock, send):
    kept = KeptMinutes(at_once=10, older=10, of_one=30)
    send(12)
    send(25, ago=1)
    send(20, ago=2)
    first = look(ledger, kept)
    assert [(one.attempts, one.exact) for one in first] == [(25, True), (10, False)]
    second = look(ledger, kept)
    assert attempts_of(second) == [20, 25, 10]
    clock.advance(60.0)
    assert attempts_of(look(ledger, kept))[-3:] == [25, 12, 0], "it is over, and counted"


def test_minutes_of_a_bounded_number_of_tenants_are_kept(ledger):
    kept = KeptMinutes()
    for number in range(MOST_TENANTS + 5):
        look(ledger, kept, tenant=str(number))
    assert len(kept._tenants) == MOST_TENANTS


def test_the_worst_subscriptions():
    one = SubscriptionFigures(
        subscription_id=1,
        event_name="a",
        sink="http",
        target="x",
        attempts=9,
        failures=0,
        mean_duration=1.0,
        longest_duration=2.0,
    )
    lately = [
        evolve(one, subscription_id=number, failures=number % 3, mean_duration=10.0 - number)
        for number in range(1, 9)
    ]
    assert [one.subscription_id for one in failing(lately)] == [2, 5, 8, 1, 4]
    assert failing(lately[2:3]) == []
    assert [one.subscription_id for one in slowest(lately)] == list(range(1, 1 + LISTED))


@pytest.mark.parametrize("seconds", [0.001, 0.0042, 0.099, 1.0, 59.0, 3_599.0, 100_000.0])
def test_quantiles_are_off_by_an_eighth_at_most(seconds):
    bucket = sum(one <= seconds * 1e6 for one in TIME_BOUNDS)
    found = Times(counts={bucket: 7}).quantile(0.95)
    assert found == pytest.approx(seconds, rel=0.1221)


def test_quantiles_are_of_all_together():
    some = Times.together([Times(counts={10: 50}), Times(counts={10: 44, 40: 5}), Times()])
    more = Times.together([some, Times(counts={60: 1})])
    assert some.counts == {10: 94, 40: 5}
    assert more.quantile(0.0) == more.quantile(0.94) == some.quantile(0.5)
    assert more.quantile(0.95) == Times(counts={40: 1}).quantile(1.0)
    assert more.quantile(1.0) == Times(counts={60: 1}).quantile(0.5)


def look(ledger: SqlLedger, kept: KeptMinutes, tenant: str | None = None) -> list[Minute]:
    return list(ledger.read(lambda view: kept.last_hour(view, now=view.now(), tenant=tenant)))

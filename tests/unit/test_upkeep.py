"""Replays of many, and the scheduled clean-up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.schedule import next_run
from asyncevents_core.domain.subscription import RetryPolicy, SubscriptionStatus
from asyncevents_core.engine.delivering.leases import Resolved
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.engine.replaying import replay as engine_replay
from asyncevents_core.engine.replaying.replay import replay_dead
from asyncevents_core.engine.upkeep import cleanup as engine_cleanup
from asyncevents_core.engine.upkeep.cleanup import clean_up, clean_up_if_due
from asyncevents_core.errors import LedgerUnavailable
from tests.unit.harness import OPERATOR, fails, ok, resolved

DAY = 86_400.0
VERONICA = Actor.trusted("veronica")


@pytest.fixture
def dead(harness):
    """Two subscriptions, five events, ten dead letters."""
    numbers = [harness.subscribe(retry=RetryPolicy(maximum_deaths=0)) for _ in range(2)]
    for n in range(5):
        harness.publish(data={"n": n})
    harness.attempt(harness.sweep_now().leases, fails)
    return numbers


def audited(harness):
    """Return what the audit log says, oldest first, without ids and times."""
    found = harness.ledger.read(lambda view: view.access.audit(limit=99, before=None))
    return [(one.who, one.action, one.tenant, dict(one.details)) for one in reversed(found)]


def count(harness, **wanted):
    return harness.ledger.read(lambda view: view.dead_letters.count(DeadFilter(**wanted)))


@pytest.fixture
def loaded(harness):
    """A subscription of the event that has a service."""
    return harness.subscribe("order.loaded")


def fail_to_resolve(harness):
    event_id = harness.publish("order.loaded")
    (resolving,) = harness.claim(event_id).resolving
    harness.fan_out(Resolved(resolving=resolving, error="no order", final=True))
    return event_id


def test_dead_letters_are_replayed_in_one_request(harness, dead):
    seen = []
    done = replay_dead(harness.ledger, DeadFilter(), by=VERONICA, progress=seen.append)
    assert (done.made, done.refused) == (10, 0)
    assert sum(seen) == 10
    harness.attempt(harness.due().leases, ok)
    traces = [
        harness.ledger.read(lambda view, one=one: view.traces.of_delivery(one))
        for _, one in harness.requests[10:]
    ]
    assert {trace.summary for trace in traces} == {"Delivered"}
    assert {trace.request.id for trace in traces} == {done.request}
    assert {trace.request.requested_by for trace in traces} == {"veronica"}


def test_what_was_replayed_is_not_meant_again(harness, dead):
    replay_dead(harness.ledger, DeadFilter(subscription_id=dead[0]), by=OPERATOR)
    assert count(harness) == 5
    assert count(harness, replayed=True) == 10
    done = replay_dead(harness.ledger, DeadFilter(), by=OPERATOR)
    assert done.made == 5


def test_events_whose_service_failed_are_opened_again(harness, dead, loaded):
    failed = [fail_to_resolve(harness) for _ in range(3)]
    assert count(harness) == 13
    assert count(harness, event_name="order.loaded") == 3
    done = replay_dead(harness.ledger, DeadFilter(), by=OPERATOR)
    assert (done.made, done.refused, done.passed_over) == (13, 0, 0)
    assert count(harness) == 0
    resolving = harness.sweep().resolving
    assert sorted(one.event.id for one in resolving) == sorted(failed)
    leases = harness.fan_out(*[resolved(one, {}) for one in resolving]).leases
    assert sorted(lease.event.id for lease in leases) == sorted(failed)


@pytest.mark.parametrize(
    "wanted", [{"subscription_id": 1}, {"reason": DeadReason.POISON}, {"event_name": "x"}], ids=str
)
def test_events_that_a_filter_does_not_mean_stay_failed(harness, loaded, wanted):
    event_id = fail_to_resolve(harness)
    done = replay_dead(harness.ledger, DeadFilter(**wanted), by=OPERATOR)
    assert (done.made, done.refused) == (0, 0)
    assert harness.event(event_id).state is EventState.FAILED


def test_many_are_replayed_in_batches(harness, dead, loaded, monkeypatch):
    monkeypatch.setattr(engine_replay, "BATCH", 3)
    for _ in range(4):
        fail_to_resolve(harness)
    batches = []
    done = replay_dead(harness.ledger, DeadFilter(), by=OPERATOR, progress=batches.append)
    assert batches == [3, 3, 3, 1, 3, 1]
    assert done.made == 14


def test_a_replay_of_many_is_audited_with_its_tenant(harness, dead):
    replay_dead(harness.ledger, DeadFilter(tenant="acme"), by=VERONICA)
    assert audited(harness) == [
        ("veronica", "replay", "acme", {"what": "all dead letters of tenant acme"})
    ]


@pytest.mark.parametrize("batch", [1, 500])
def test_an_event_goes_to_a_subscription_once_in_a_request(harness, dead, monkeypatch, batch):
    monkeypatch.setattr(engine_replay, "BATCH", batch)
    replay_dead(harness.ledger, DeadFilter(subscription_id=dead[0]), by=OPERATOR)
    harness.attempt(harness.due().leases, fails)
    wanted = DeadFilter(replayed=True)
    assert harness.ledger.read(lambda view: view.dead_letters.count(wanted)) == 15
    done = replay_dead(harness.ledger, wanted, by=OPERATOR)
    assert (done.made, done.refused, done.passed_over) == (10, 0, 5)
    assert len(harness.due().leases) == 10


def test_of_several_the_one_that_nobody_replayed_is(harness, dead):
    replay_dead(harness.ledger, DeadFilter(subscription_id=dead[0]), by=OPERATOR)
    harness.attempt(harness.due().leases, fails)
    replay_dead(harness.ledger, DeadFilter(replayed=True), by=OPERATOR)
    assert count(harness) == 0


def test_those_of_disabled_and_deleted_subscriptions_are_refused(harness, dead):
    set_status(harness.ledger, [dead[0]], SubscriptionStatus.DISABLED, by=OPERATOR)
    done = replay_dead(harness.ledger, DeadFilter(), by=OPERATOR)
    assert (done.made, done.refused) == (5, 5)
    set_status(harness.ledger, [dead[0]], SubscriptionStatus.DELETED, by=OPERATOR)
    done = replay_dead(harness.ledger, DeadFilter(), by=OPERATOR)
    assert (done.made, done.refused) == (0, 5)


def test_a_cleaned_up_delivery_cannot_be_replayed(harness, dead):
    harness.clock.advance(31 * DAY)
    done = clean_up(harness.ledger, days=30, indexed=False)
    assert (done.events, done.rows) == (5, 25)
    assert count(harness) == 0


def test_a_clean_up_that_somebody_asks_for_is_audited_with_its_sums(harness, dead):
    harness.clock.advance(31 * DAY)
    done = clean_up(harness.ledger, days=30, indexed=False, by=VERONICA)
    sums = {"days": 30, "events": done.events, "rows": done.rows}
    assert audited(harness) == [
        ("veronica", "cleanup", None, {"days": 30}),
        ("veronica", "cleanup.done", None, sums),
    ]


def test_a_clean_up_that_is_cut_off_is_audited(harness, dead):
    harness.clock.advance(31 * DAY)
    steps = iter([True, False])
    clean_up(harness.ledger, days=30, indexed=False, by=VERONICA, go_on=lambda: next(steps))
    assert audited(harness) == [("veronica", "cleanup", None, {"days": 30})]


def test_nothing_is_deleted_where_the_audit_log_cannot_be_written(harness, dead, monkeypatch):
    def fails(*_, **__):
        raise LedgerUnavailable("on purpose")

    harness.clock.advance(31 * DAY)
    monkeypatch.setattr(engine_cleanup, "audit", fails)
    with pytest.raises(LedgerUnavailable):
        clean_up(harness.ledger, days=30, indexed=False, by=VERONICA)
    assert count(harness) == 10


def test_the_clean_up_of_the_schedule_is_nobodys(harness, dead):
    harness.clock.advance(31 * DAY)
    clean_up(harness.ledger, days=30, indexed=False)
    assert audited(harness) == []


def test_the_clean_up_runs_once_per_schedule(harness, dead):
    runs = []

    def look():
        now = harness.ledger.read(lambda view: view.now())
        done = clean_up_if_due(
            harness.ledger,
            days=30,
            indexed=False,
            next_run=lambda after: next_run("0 1 * * *", after),
            go_on=lambda: True,
        )
        if done is not None:
            runs.append(datetime.fromtimestamp(now / 1e6, UTC))

    for _ in range(3 * 48):
        harness.clock.advance(DAY / 48)
        look()
        look()
    assert len(runs) == 3
    assert all(run.hour == 1 for run in runs)
    assert len({run.date() for run in runs}) == 3


def test_a_clean_up_that_was_cut_off_is_taken_up_after_its_lease(harness, dead):
    harness.clock.advance(31 * DAY)
    steps = iter([True, False, False])

    def look(go_on):
        return clean_up_if_due(
            harness.ledger, days=30, indexed=False, next_run=lambda now: now, go_on=go_on
        )

    assert look(lambda: next(steps)) is not None
    assert look(lambda: True) is None
    harness.clock.advance(601)
    assert look(lambda: True) is not None


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 1 * * *", "2026-03-01T00:59:59", "2026-03-01T01:00:00"),
        ("0 1 * * *", "2026-03-01T01:00:00", "2026-03-02T01:00:00"),
        ("*/15 * * * *", "2026-03-01T00:01:00", "2026-03-01T00:15:00"),
        ("0 0 29 2 *", "2026-03-01T00:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_schedules_are_in_utc(schedule, after, expected):
    def micros(text):
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)

    assert next_run(schedule, micros(after)) == micros(expected)


@pytest.mark.parametrize("schedule", ["", "nonsense", "0 1 * *", "61 * * * *"])
def test_what_is_no_schedule(schedule):
    with pytest.raises(ValueError, match="not a cron schedule"):
        next_run(schedule, 0)

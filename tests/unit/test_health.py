"""Recipients that fail time after time: warned of, disabled, well again."""

from __future__ import annotations

import pytest
from attrs import evolve

from asyncevents_core.domain.failing import USUAL, FailurePolicy, Streak, Turn
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.delivering import health
from asyncevents_core.engine.delivering.health import Health
from asyncevents_core.engine.delivering.outcomes import Finished, book
from asyncevents_core.engine.managing.subscriptions import Checked, change, set_status
from asyncevents_core.errors import InvalidValue
from tests.unit.harness import OPERATOR, fails, ok

SECOND = 1_000_000
POLICY = FailurePolicy(warn_failures=3, warn_after=60.0, disable_failures=5, disable_after=600.0)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(health, "_WRITTEN_EVERY", 0.0)


class Recipient:
    """A subscription whose attempts end as they are told."""

    def __init__(self, harness, usual=POLICY):
        self.harness = harness
        self.number = harness.subscribe()
        self.health = Health(usual)

    def attempt(self, *outcomes, event_name="order.created"):
        """Make attempts, in one batch; return what they come to."""
        batch = []
        for outcome in outcomes:
            event_id = self.harness.publish(event_name)
            (lease,) = (
                one
                for one in self.harness.claim(event_id).leases
                if one.subscription.id == self.number
            )
            batch.append(Finished(lease=lease, outcome=outcome, started=0.0, duration=0.1))
        return self.write(batch)

    def write(self, batch):
        self.health.count(batch)
        turned = self.harness.ledger.run(self.health.write)
        self.health.settle()
        return [one.turn for one in turned]

    @property
    def kept(self):
        return self.harness.ledger.read(lambda view: view.subscriptions.get(self.number))

    @property
    def audited(self):
        found = self.harness.ledger.read(
            lambda view: view.access.changes_of(self.number, limit=20, tenant=None)
        )
        return [one.action for one in reversed(found)]


FAILED = fails(None)
WELL = ok(None)
REFUSED = Outcome.permanent("HTTP 400", http_status=400)


@pytest.fixture
def recipient(harness):
    return Recipient(harness)


def test_people_are_warned_once_then_it_is_disabled(harness, recipient):
    assert recipient.attempt(FAILED, FAILED) == []
    now = harness.ledger.run(lambda tx: tx.now())
    assert recipient.kept.streak == Streak(failures=2, since=now, error="HTTP 500")
    assert recipient.attempt(FAILED) == [Turn.WARN]
    assert recipient.attempt(FAILED) == []
    assert recipient.attempt(REFUSED) == [Turn.DISABLE]
    assert recipient.kept.status is SubscriptionStatus.DISABLED
    assert recipient.audited == ["subscription.failing", "subscription.disable"]


def test_a_success_ends_it(recipient):
    recipient.attempt(FAILED, FAILED, WELL, FAILED)
    assert recipient.kept.streak.failures == 1
    recipient.attempt(WELL)
    assert recipient.kept.streak == Streak()
    assert recipient.audited == []


def test_who_was_warned_hears_that_it_is_well_again(recipient):
    recipient.attempt(FAILED, FAILED, FAILED)
    assert recipient.attempt(FAILED, WELL) == [Turn.RECOVER]
    assert recipient.kept.streak == Streak()
    assert recipient.audited == ["subscription.failing", "subscription.recover"]


def test_nothing_is_written_for_what_is_well(recipient):
    before = recipient.kept
    assert recipient.attempt(WELL, WELL) == []
    assert not recipient.health._tallies
    assert recipient.kept == before


def test_a_success_counts_where_another_worker_saw_the_failures(harness, recipient):
    recipient.attempt(FAILED, FAILED, FAILED)
    other = Health(POLICY)
    other.know(harness.ledger.read(lambda view: view.subscriptions.failing()))
    recipient.health = other
    assert recipient.attempt(WELL) == [Turn.RECOVER]
    assert harness.ledger.read(lambda view: view.subscriptions.failing()) == set()


@pytest.mark.parametrize(
    ("streak", "later", "turn"),
    [
        (Streak(failures=1, since=0), 10_000, Turn.NONE),
        (Streak(failures=2, since=0), 59, Turn.NONE),
        (Streak(failures=2, since=0), 60, Turn.WARN),
        (Streak(failures=2, since=0, warned_at=1), 60, Turn.NONE),
        (Streak(failures=2, since=0, warned_at=1), 600, Turn.DISABLE),
        (Streak(failures=3, since=0), 1, Turn.WARN),
        (Streak(failures=5, since=0), 1, Turn.DISABLE),
        (Streak(), 10_000, Turn.NONE),
    ],
)
def test_what_a_streak_comes_to(streak, later, turn):
    assert streak.turn(POLICY, later * SECOND) is turn


def test_none_of_it_where_nobody_wants_it():
    never = FailurePolicy(warn_failures=0, warn_after=0, disable_failures=0, disable_after=0)
    worst = Streak(failures=10**6, since=0)
    assert worst.turn(never, 10**15) is Turn.NONE


def test_a_subscription_has_its_own_policy():
    own = FailurePolicy(disable_failures=2)
    assert own.over(USUAL) == evolve(USUAL, disable_failures=2)
    assert FailurePolicy().over(POLICY) == POLICY


def test_it_goes_by_its_own_policy(harness):
    recipient = Recipient(harness)
    harness.ledger.run(
        lambda tx: tx.subscriptions.update(
            recipient.number,
            evolve(recipient.kept.as_new(), failure=FailurePolicy(disable_failures=2)),
        )
    )
    assert recipient.attempt(FAILED, FAILED) == [Turn.DISABLE]


def test_an_attempt_of_an_old_target_does_not_count(harness, recipient):
    event_id = harness.publish()
    (lease,) = harness.claim(event_id).leases
    recipient.attempt(FAILED, FAILED, FAILED)
    change(
        harness.ledger,
        harness.definitions,
        recipient.number,
        lambda old: evolve(old, target="https://example.com/new"),
        check=Checked,
        by=OPERATOR,
    )
    assert recipient.kept.streak == Streak()
    late = Finished(lease=lease, outcome=FAILED, started=0.0, duration=0.1)
    assert recipient.write([late] * 9) == []
    assert recipient.kept.streak == Streak()
    assert not recipient.health._tallies


def test_a_410_of_an_old_target_disables_nothing(harness, recipient):
    gone = Outcome.gone("HTTP 410", http_status=410)
    leases = [harness.claim(harness.publish()).leases[0] for _ in range(2)]

    def write(lease):
        batch = [Finished(lease=lease, outcome=gone, started=0.0, duration=0.1)]
        booking = book(batch, policy=harness.policy, clock=harness.clock, owner=harness.owner)
        return [one.id for one in harness.ledger.run(booking.write)]

    change(
        harness.ledger,
        harness.definitions,
        recipient.number,
        lambda old: evolve(old, target="https://example.com/new"),
        check=Checked,
        by=OPERATOR,
    )
    assert write(leases[0]) == []
    assert recipient.kept.status is SubscriptionStatus.ENABLED
    change(
        harness.ledger,
        harness.definitions,
        recipient.number,
        lambda old: evolve(old, target=leases[0].subscription.target),
        check=Checked,
        by=OPERATOR,
    )
    assert write(leases[1]) == [recipient.number]
    assert recipient.kept.status is SubscriptionStatus.DISABLED


def test_who_enables_it_begins_anew(harness, recipient):
    recipient.attempt(FAILED, FAILED, FAILED, FAILED, FAILED)
    set_status(harness.ledger, [recipient.number], SubscriptionStatus.ENABLED, by=OPERATOR)
    assert recipient.kept.streak == Streak()
    assert recipient.attempt(FAILED) == []


def test_what_is_locked_elsewhere_is_counted_the_next_time(harness, recipient, monkeypatch):
    with monkeypatch.context() as patch:
        kind = type(harness.ledger.run(lambda tx: tx.subscriptions))
        patch.setattr(kind, "lock_streaks", lambda self, ids: {})
        assert recipient.attempt(FAILED, FAILED) == []
    assert recipient.kept.streak == Streak()
    assert recipient.attempt(FAILED) == [Turn.WARN]
    assert recipient.kept.streak.failures == 3


def test_a_transaction_that_runs_again_counts_once(harness, recipient):
    recipient.health.count(
        [Finished(lease=harness.claim(harness.publish()).leases[0], outcome=FAILED,
                  started=0.0, duration=0.1)]
    )  # fmt: skip

    def fail_after(tx):
        recipient.health.write(tx)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        harness.ledger.run(fail_after)
    harness.ledger.run(recipient.health.write)
    recipient.health.settle()
    assert recipient.kept.streak.failures == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"warn_failures": -1},
        {"warn_after": -0.1},
        {"disable_after": 1e300},
        {"disable_failures": 1.5},
    ],
)
def test_what_is_out_of_bounds(wrong):
    with pytest.raises(InvalidValue, match=next(iter(wrong))):
        FailurePolicy(**wrong)

"""Leases, fences and workers that vanish."""

from __future__ import annotations

from asyncevents_core.domain.delivery import DeadReason, DeliveryState
from asyncevents_core.domain.outcome import Outcome, OutcomeKind
from asyncevents_core.engine.delivering.outcomes import Finished, Returned, book
from tests.unit.harness import fails, ok


def test_an_abandoned_attempt_is_recorded_and_made_again(harness, clock):
    harness.subscribe()
    event_id = harness.publish()
    harness.claim(event_id)
    clock.advance(harness.policy.delivery_lease - 1)
    assert not harness.due().leases
    clock.advance(2)
    other = harness.second()
    (lease,) = other.due().leases
    assert lease.delivery.claims == 2
    other.attempt([lease], ok)
    trace = harness.trace(event_id)
    assert [one.outcome for one in trace.attempts] == ["abandoned", "delivered"]
    assert trace.delivery.deaths == 0
    assert trace.summary == "Delivered"


def test_the_leases_of_a_silent_worker_end_after_15_seconds(harness, clock):
    harness.subscribe()
    harness.beat()
    other = harness.second()
    other.beat()
    event_id = harness.publish()
    harness.claim(event_id)
    clock.advance(14)
    other.beat()
    assert other.look_after() == (0, 0)
    clock.advance(2)
    assert other.look_after() == (1, 0)
    assert len(other.due().leases) == 1
    assert [one.id for one in harness.ledger.read(lambda view: view.workers.all())] == [other.owner]


def test_a_late_success_counts(harness, clock):
    harness.subscribe()
    event_id = harness.publish()
    (old,) = harness.claim(event_id).leases
    clock.advance(harness.policy.delivery_lease + 1)
    other = harness.second()
    (new,) = other.due().leases
    harness.attempt([old], ok)
    assert harness.states(event_id) == [DeliveryState.DELIVERED]
    # Should the other one vanish now, no lease of its own would tell of what it sent.
    assert [one.outcome for one in harness.trace(event_id).attempts] == ["delivered", "abandoned"]
    other.attempt([new], fails)
    trace = harness.trace(event_id)
    assert trace.delivery.state is DeliveryState.DELIVERED
    assert [one.outcome for one in trace.attempts] == ["delivered", "retryable"]


def test_a_late_success_turns_a_dead_letter_into_a_delivery(harness, clock):
    harness.subscribe()
    event_id = harness.publish()
    (old,) = harness.claim(event_id).leases
    clock.advance(harness.policy.delivery_lease + 1)
    other = harness.second()
    other.attempt(other.due().leases, lambda _: Outcome.permanent("HTTP 404"))
    assert harness.states(event_id) == [DeliveryState.DEAD]
    harness.attempt([old], ok)
    assert harness.states(event_id) == [DeliveryState.DELIVERED]


def test_a_late_failure_changes_nothing_but_the_log(harness, clock):
    harness.subscribe()
    event_id = harness.publish()
    (old,) = harness.claim(event_id).leases
    clock.advance(harness.policy.delivery_lease + 1)
    other = harness.second()
    (new,) = other.due().leases
    harness.attempt([old], fails)
    trace = harness.trace(event_id)
    assert (trace.delivery.state, trace.delivery.deaths) == (DeliveryState.LEASED, 0)
    assert trace.attempts[0].outcome is OutcomeKind.RETRYABLE
    other.attempt([new], ok)
    assert harness.states(event_id) == [DeliveryState.DELIVERED]


def test_writing_an_outcome_twice_writes_it_once(harness):
    harness.subscribe()
    event_id = harness.publish()
    (lease,) = harness.claim(event_id).leases
    harness.attempt([lease], fails)
    finished = Finished(lease=lease, outcome=fails(lease), started=0.0, duration=0.1)
    booking = book([finished], policy=harness.policy, clock=harness.clock, owner=harness.owner)
    harness.ledger.run(booking.write)
    trace = harness.trace(event_id)
    assert trace.delivery.deaths == 1
    assert len(trace.attempts) == 1


def test_five_abandonments_in_a_row_are_poison(harness, clock):
    harness.subscribe()
    event_id = harness.publish()
    harness.claim(event_id)
    for _ in range(5):
        clock.advance(harness.policy.delivery_lease + 1)
        harness.second().due()
    trace = harness.trace(event_id)
    assert trace.delivery.state is DeliveryState.DEAD
    assert trace.delivery.reason is DeadReason.POISON
    assert [one.outcome for one in trace.attempts] == [OutcomeKind.ABANDONED] * 5


def test_a_failure_in_between_ends_the_row_of_abandonments(harness, clock):
    harness.subscribe()
    event_id = harness.publish()
    harness.claim(event_id)
    clock.advance(harness.policy.delivery_lease + 1)
    other = harness.second()
    other.attempt(other.due().leases, fails)
    assert harness.trace(event_id).delivery.abandonments == 0


def test_from_the_second_abandonment_on_a_delivery_runs_alone(harness, clock):
    harness.subscribe()
    harness.claim(harness.publish())
    for _ in range(2):
        clock.advance(harness.policy.delivery_lease + 1)
        last = harness.second()
        leases = last.due().leases
    assert [lease.alone for lease in leases] == [True]
    clock.advance(harness.policy.delivery_lease + 1)
    harness.publish()
    clock.advance(11)
    busy = harness.second()
    assert [lease.alone for lease in busy.sweep().leases] == [False]
    found = busy.due(idle=False)
    assert found.leases == ()
    assert found.wants_alone
    idle = harness.second()
    assert [lease.alone for lease in idle.due(idle=True).leases] == [True]


def test_leases_given_back_are_due_at_once(harness):
    harness.subscribe()
    first, second = harness.publish(), harness.publish()
    leases = {lease.event.id: lease for lease in harness.claim(first, second).leases}
    harness.write(
        [
            Returned(lease=leases[first], attempted=False),
            Returned(lease=leases[second], attempted=True, duration=0.5),
        ]
    )
    again = harness.second().due().leases
    assert len(again) == 2
    assert harness.trace(first).attempts == ()
    assert [one.outcome for one in harness.trace(second).attempts] == [OutcomeKind.ABANDONED]


def test_after_a_ledger_outage_expired_leases_are_left_alone_for_a_while(harness, clock):
    harness.subscribe()
    harness.claim(harness.publish())
    clock.advance(harness.policy.delivery_lease + 1)
    assert harness.second().due(expired=False).leases == ()
    assert len(harness.second().due(expired=True).leases) == 1

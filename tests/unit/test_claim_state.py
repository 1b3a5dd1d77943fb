"""What the claiming thread does next: decisions, without threads, ledger or clock."""

from __future__ import annotations

import pytest
from attrs import evolve, frozen

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.leases import Claimed, Lease, Resolved, Resolving
from asyncevents_core.engine.delivering.round import Round
from asyncevents_core.testing.builders import make_delivery, make_event
from asyncevents_core.worker.claim_state import (
    BLOCKED_WAIT,
    MOST_UNWRITTEN,
    PACE,
    REAP_EVERY,
    SWEEP_EVERY,
    ClaimState,
    Situation,
    Taken,
)

BOTH = frozenset([Role.TRIGGER, Role.RETRY])
LATER = 1_000.0
QUIET = ClaimState(roles=BOTH, most_resolving=8, next_sweep=LATER, next_reap=LATER)
FREE = Situation(now=1.0, free=10, resolvable=8)


@frozen
class Message:
    ids: tuple


def decide(state=QUIET, seen=FREE, parked=(), **taken):
    return state.next_round(seen, Taken(**taken), list(parked))


def after(claimed, *, state=QUIET, seen=FREE, wanted=None, random=0.5):
    return state.after(seen, wanted or Round(), claimed, random=random)


def test_with_nothing_to_do_there_is_no_round_and_it_sleeps_until_the_sweep():
    assert decide() is None
    assert QUIET.pause(FREE) == LATER - FREE.now
    assert QUIET.idle


def test_a_hand_off_is_claimed_as_far_as_permits_and_services_go():
    one = uuid7()
    assert QUIET.ids_to_take(FREE, []) == 8
    assert QUIET.ids_to_take(evolve(FREE, free=3), []) == 3
    assert QUIET.ids_to_take(evolve(FREE, free=0), []) == 0
    assert evolve(QUIET, resolving=frozenset([uuid7()] * 1)).ids_to_take(FREE, []) == 7
    wanted = decide(hand_offs=[Message(ids=(one,))])
    assert (wanted.event_ids, wanted.due, wanted.sweep) == (frozenset([one]), False, 0)


@pytest.mark.parametrize(("state", "parked"), [(evolve(QUIET, more_due=True), []), (QUIET, [1])])
def test_deliveries_that_wait_get_half_of_the_room(state, parked):
    assert state.ids_to_take(FREE, parked) == 5
    assert state.ids_to_take(evolve(FREE, free=1), parked) == 1


def test_who_does_not_take_new_events_takes_none():
    state = evolve(QUIET, roles=frozenset([Role.RETRY]), next_sweep=0.0)
    assert state.ids_to_take(FREE, []) == 0
    assert decide(state).sweep == 0
    assert decide(state).due


def test_who_does_not_retry_looks_for_nothing_due_and_releases_nothing():
    state = evolve(QUIET, roles=frozenset([Role.TRIGGER]), next_sweep=0.0, next_reap=0.0)
    wanted = decide(state)
    assert (wanted.due, wanted.release, wanted.reap) == (False, False, True)
    assert not after(Claimed(left_waiting=True), state=state).more_due


def test_a_sweep_looks_for_everything_that_permits_allow():
    wanted = decide(evolve(QUIET, next_sweep=0.0, next_reap=0.0))
    assert (wanted.sweep, wanted.due, wanted.reap, wanted.release) == (8, True, True, True)
    blocked = decide(evolve(QUIET, next_sweep=0.0), evolve(FREE, free=0, resolvable=-3))
    assert (blocked.room, blocked.sweep, blocked.due) == (0, 0, False)


@pytest.mark.parametrize(
    ("seen", "room"),
    [
        (FREE, 10),
        (evolve(FREE, unwritten=MOST_UNWRITTEN - 1), 10),
        (evolve(FREE, unwritten=MOST_UNWRITTEN), 0),
    ],
)
def test_while_outcomes_pile_up_nothing_starts(seen, room):
    assert QUIET.room(seen) == room


def test_what_runs_alone_has_the_process_for_itself_until_it_is_over():
    lease = Lease(
        delivery=make_delivery(), subscription=None, event=make_event(), leased_at=0, alone=True
    )
    state = after(Claimed(leases=(lease,)))
    assert state.alone
    assert state.room(evolve(FREE, in_flight=1)) == 0
    assert state.room(evolve(FREE, in_flight=0)) == 10
    assert after(Claimed(), state=state, seen=evolve(FREE, in_flight=1)).alone
    assert not after(Claimed(), state=state, seen=evolve(FREE, in_flight=0)).alone


def test_one_that_wants_to_run_alone_lets_the_process_run_empty():
    state = after(Claimed(wants_alone=True, left_waiting=True))
    assert state.room(evolve(FREE, in_flight=2)) == 0
    assert state.pause(evolve(FREE, in_flight=2)) == BLOCKED_WAIT
    assert decide(state, evolve(FREE, in_flight=0)).idle


def test_after_an_outage_outcomes_go_first():
    seen = evolve(FREE, ledger_down=True, unwritten=1, resolved=1)
    assert QUIET.outcomes_first(seen)
    assert QUIET.pause(seen) == BLOCKED_WAIT
    assert not QUIET.outcomes_first(evolve(seen, unwritten=0))


@pytest.mark.parametrize("field", ["resolved", "retries"])
def test_what_has_come_in_is_taken_at_once(field):
    assert QUIET.pause(evolve(FREE, **{field: 1})) == 0.0


def test_hand_offs_wait_for_permits_and_services():
    seen = evolve(FREE, hand_offs=1)
    assert QUIET.pause(seen) == 0.0
    assert QUIET.pause(evolve(seen, free=0)) == BLOCKED_WAIT
    assert QUIET.pause(evolve(seen, resolvable=0)) == LATER - seen.now


def test_it_wakes_for_a_retry_that_becomes_due_and_looks_for_it():
    assert QUIET.pause(evolve(FREE, next_alarm=3.0)) == 2.0
    assert QUIET.pause(evolve(FREE, next_alarm=0.5)) == 0.0
    assert decide(seen=evolve(FREE, alarm=True)).due


def test_a_retry_that_no_permit_let_start_is_looked_for_again():
    full = evolve(FREE, free=0)
    message = Message(ids=(uuid7(),))
    wanted = decide(seen=full, retries=[message])
    assert (wanted.due, wanted.retry_ids) == (False, frozenset(message.ids))
    assert after(Claimed(), seen=full, wanted=wanted).more_due


def test_expired_leases_and_silent_workers_wait_for_a_ledger_that_is_steady():
    state = evolve(QUIET, next_sweep=0.0, next_reap=0.0)
    unsettled = decide(state, evolve(FREE, ledger_settled=False, ledger_steady=False))
    assert (unsettled.expired, unsettled.reap, unsettled.release) == (False, False, True)
    assert decide(state).expired


@pytest.mark.parametrize(
    ("seen", "claimed", "expected"),
    [
        (FREE, Claimed(), SWEEP_EVERY),
        (FREE, Claimed(more_events=True), PACE),
        (evolve(FREE, free=0), Claimed(more_events=True), BLOCKED_WAIT),
    ],
)
def test_the_next_sweep_comes_as_soon_as_it_can_find_something(seen, claimed, expected):
    state = evolve(QUIET, next_sweep=0.0, next_reap=0.0)
    made = after(claimed, state=state, seen=seen)
    assert made.next_sweep == pytest.approx(seen.now + expected)
    assert made.next_reap == seen.now + REAP_EVERY


def test_the_sweeps_of_workers_drift_apart():
    state = evolve(QUIET, next_sweep=0.0)
    times = {after(Claimed(), state=state, random=one).next_sweep for one in (0.0, 1.0)}
    assert times == {1.9, 2.1}


def test_a_round_that_was_no_sweep_leaves_the_next_one_where_it_was():
    assert after(Claimed()).next_sweep == LATER
    assert after(Claimed()).next_reap == LATER


def test_parked_subscriptions_are_remembered_until_they_are_empty():
    state = after(Claimed(parked=frozenset([1, 2])))
    state = after(Claimed(emptied=frozenset([1]), parked=frozenset([3])), state=state)
    assert state.parked == {2, 3}


def test_events_that_resolve_are_remembered_until_they_are_fanned_out():
    resolving = Resolving(event=make_event(), definition=None)
    state = after(Claimed(resolving=(resolving,)))
    assert state.resolving == {resolving.event.id}
    assert not state.idle
    wanted = Round(resolved=[Resolved(resolving=resolving)])
    assert after(Claimed(), state=state, wanted=wanted).resolving == frozenset()
    apart = state.without(resolving.event.id)
    assert (apart.resolving, apart.more_due) == (frozenset(), True)


def test_results_of_rounds_add_up():
    one = Claimed(events=1, parked=frozenset([1]), left_waiting=True, stale=2)
    other = Claimed(events=2, parked=frozenset([2]), emptied=frozenset([1]), vanished=3)
    assert one + other == Claimed(
        events=3,
        parked=frozenset([1, 2]),
        emptied=frozenset([1]),
        left_waiting=True,
        stale=2,
        vanished=3,
    )

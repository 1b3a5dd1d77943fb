"""What the claiming thread does next: decisions, without threads, ledger or clock."""

from __future__ import annotations

import pytest
from attrs import evolve, frozen

from asyncevents_core.domain.event import ALONE_LINE
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.leases import Claimed, Lease, Resolved, Resolving
from asyncevents_core.engine.delivering.round import Round
from asyncevents_core.testing.builders import make_delivery, make_event
from asyncevents_core.worker.claim_state import (
    BLOCKED_WAIT,
    MOST_EVENTS,
    MOST_UNWRITTEN,
    PACE,
    REAP_EVERY,
    SUSPECTS_EVERY,
    SWEEP_EVERY,
    ClaimState,
    Situation,
    Taken,
)

BOTH = frozenset([Role.TRIGGER, Role.RETRY])
LATER = 1_000.0
QUIET = ClaimState(roles=BOTH, next_sweep=LATER, next_reap=LATER)
FREE = Situation(now=1.0, free=10)
LINES = frozenset([ALONE_LINE, "order.loaded"])


@frozen
class Message:
    ids: tuple


def decide(state=QUIET, seen=FREE, parked=(), lines=(), **taken):
    return state.next_round(seen, Taken(**taken), list(parked), list(lines))


def after(claimed, *, state=QUIET, seen=FREE, wanted=None, random=0.5):
    return state.after(seen, wanted or Round(), claimed, random=random)


@frozen
class Row:
    """An event, as far as it is looked at here."""

    id: object


def resolving_alone():
    event = make_event()
    resolving = Resolving(event=event, definition=None, alone=True)
    return after(Claimed(resolving=(resolving,)), state=evolve(QUIET, lines=LINES))


def test_with_nothing_to_do_there_is_no_round_and_it_sleeps_until_the_sweep():
    assert decide() is None
    assert QUIET.pause(FREE) == LATER - FREE.now
    assert QUIET.idle


def test_a_hand_off_is_claimed_as_far_as_permits_go():
    one = uuid7()
    assert QUIET.ids_to_take(FREE, []) == 10
    assert QUIET.ids_to_take(evolve(FREE, free=0), []) == 0
    assert QUIET.ids_to_take(evolve(FREE, free=1_000), []) == MOST_EVENTS
    wanted = decide(hand_offs=[Message(ids=(one,))])
    assert (wanted.event_ids, wanted.due, wanted.sweep) == (frozenset([one]), False, 0)


@pytest.mark.parametrize(
    "state",
    [
        evolve(QUIET, resolving=frozenset(uuid7() for _ in range(500))),
        evolve(QUIET, lines=frozenset([ALONE_LINE])),
        resolving_alone(),
    ],
)
def test_services_never_hold_up_events_without_one(state):
    hand_offs = evolve(FREE, hand_offs=1)
    assert state.pause(hand_offs) == 0.0
    assert state.ids_to_take(hand_offs, []) == 10
    swept = decide(evolve(state, next_sweep=0.0), hand_offs)
    assert (swept.room, swept.sweep, swept.due) == (10, MOST_EVENTS, True)


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
    assert (wanted.due, wanted.release, state.reaps(FREE)) == (False, False, True)
    assert not after(Claimed(left_waiting=True), state=state).more_due


def test_a_sweep_looks_for_everything_that_permits_allow():
    state = evolve(QUIET, next_sweep=0.0, next_reap=0.0)
    wanted = decide(state)
    assert (wanted.sweep, wanted.due, wanted.release) == (MOST_EVENTS, True, True)
    assert wanted.find_lines
    assert state.reaps(FREE)
    assert not after(Claimed(), state=state).reaps(FREE)
    blocked = decide(evolve(QUIET, next_sweep=0.0), evolve(FREE, free=0))
    assert (blocked.room, blocked.due) == (0, False)


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


def test_hand_offs_wait_for_permits():
    seen = evolve(FREE, hand_offs=1)
    assert QUIET.pause(seen) == 0.0
    assert QUIET.pause(evolve(seen, free=0)) == BLOCKED_WAIT


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
    unsteady = evolve(FREE, ledger_settled=False, ledger_steady=False)
    wanted = decide(state, unsteady)
    assert (wanted.expired, wanted.release, state.reaps(unsteady)) == (False, True, False)
    assert decide(state).expired


@pytest.mark.parametrize(
    ("seen", "claimed", "expected"),
    [
        (FREE, Claimed(), SWEEP_EVERY),
        (FREE, Claimed(more_events=True), PACE),
        (evolve(FREE, hand_offs=1), Claimed(more_events=True), BLOCKED_WAIT),
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


def test_held_deliveries_are_released_as_fast_as_they_can_begin():
    looking = decide(evolve(QUIET, next_sweep=0.0, next_reap=0.0))
    assert looking.release
    state = after(Claimed(more_held=True, left_waiting=True), wanted=looking)
    # Those that were released go first.
    assert state.pause(FREE) == 0.0
    assert (decide(state).due, decide(state).release) == (True, False)
    state = after(Claimed(), state=state, wanted=decide(state))
    assert state.pause(FREE) == 0.0
    assert decide(state).release
    assert state.pause(evolve(FREE, free=0)) == BLOCKED_WAIT
    assert decide(state, evolve(FREE, free=0)) is None
    state = after(Claimed(), state=state, wanted=decide(state))
    assert (state.idle, decide(state)) == (True, None)


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


# What may happen to services, by what is under way. Columns: the state, whether services may be
# called for parked events, whether one that has to run alone is taken, whether a delivery that has
# to run alone would be.
LANES = {
    "nothing is parked": (QUIET, True, False, True),
    "events are parked": (evolve(QUIET, lines=frozenset(["order.loaded"])), True, False, True),
    "a service runs": (evolve(QUIET, resolving=frozenset([uuid7()])), True, False, False),
    "a suspect waits": (evolve(QUIET, lines=LINES), False, True, True),
    "it waits for a service that runs": (
        evolve(QUIET, lines=LINES, resolving=frozenset([uuid7()])),
        False,
        False,
        False,
    ),
    "it runs": (resolving_alone(), False, False, False),
    "it runs, and was the last": (
        evolve(resolving_alone(), lines=frozenset(["order.loaded"])),
        False,
        False,
        False,
    ),
    "it has just run": (
        evolve(QUIET, lines=LINES, next_suspect=FREE.now + 0.5),
        True,
        False,
        True,
    ),
    "a delivery waits to run alone": (evolve(QUIET, lines=LINES, alone=True), False, False, True),
    "it takes no new events": (
        evolve(QUIET, lines=LINES, roles=frozenset([Role.RETRY])),
        False,
        False,
        True,
    ),
}


@pytest.mark.parametrize(("state", "calls", "suspect", "idle"), LANES.values(), ids=LANES)
def test_which_services_may_be_called(state, calls, suspect, idle):
    state = evolve(state, next_sweep=0.0)
    wanted = decide(state, lines=state.lines_to_claim(FREE))
    assert (wanted.suspect, wanted.idle) == (suspect, idle)
    assert wanted.services == calls
    assert set(wanted.lines) == (state.lines - {ALONE_LINE} if calls else set())


def test_after_one_that_ran_alone_the_others_have_their_turn():
    state = resolving_alone()
    (event_id,) = state.resolving
    assert state.pause(FREE) == LATER - FREE.now
    over = Round(resolved=[Resolved(resolving=Resolving(event=Row(event_id), definition=None))])
    state = after(Claimed(), state=state, wanted=over)
    assert state.calls_services(FREE)
    assert state.pause(FREE) == SUSPECTS_EVERY
    later = evolve(FREE, now=FREE.now + SUSPECTS_EVERY)
    assert not state.calls_services(later)
    assert decide(state, later).suspect


def test_while_one_that_has_to_run_alone_cannot_begin_the_others_have_their_turn():
    state = evolve(QUIET, lines=LINES)
    wanted = decide(state)
    assert wanted.suspect
    state = after(Claimed(lines=frozenset([ALONE_LINE])), state=state, wanted=wanted)
    assert state.calls_services(FREE)
    assert decide(state, evolve(FREE, now=FREE.now + SUSPECTS_EVERY)).suspect


def test_a_line_is_remembered_until_it_is_empty():
    state = after(Claimed(lines=frozenset(["a", "b"])))
    state = after(
        Claimed(emptied_lines=frozenset(["a", ALONE_LINE]), lines=frozenset(["c"])), state=state
    )
    assert state.lines == {"b", "c"}


def test_parked_events_wait_while_no_delivery_may_start():
    state = evolve(QUIET, lines=frozenset(["order.loaded"]))
    assert not state.lines_to_claim(evolve(FREE, free=0))
    assert not decide(evolve(state, lines=LINES, next_sweep=0.0), evolve(FREE, free=0)).suspect


def test_a_delivery_runs_alone_when_no_service_runs_either():
    state = after(Claimed(wants_alone=True, left_waiting=True))
    resolving = evolve(state, resolving=frozenset([uuid7()]))
    assert resolving.room(FREE) == 0
    assert resolving.pause(FREE) == BLOCKED_WAIT
    assert after(Claimed(), state=resolving).alone
    assert state.room(FREE) == 10


def test_results_of_rounds_add_up():
    one = Claimed(
        events=1, parked=frozenset([1]), left_waiting=True, stale=2, lines=frozenset(["a"])
    )
    other = Claimed(
        events=2,
        parked=frozenset([2]),
        emptied=frozenset([1]),
        lines=frozenset(["b"]),
        emptied_lines=frozenset(["c"]),
    )
    assert one + other == Claimed(
        events=3,
        parked=frozenset([1, 2]),
        emptied=frozenset([1]),
        left_waiting=True,
        stale=2,
        lines=frozenset(["a", "b"]),
        emptied_lines=frozenset(["c"]),
    )

"""Events with a service: their lines, and those whose workers vanished."""

from __future__ import annotations

import pytest
from attrs import evolve

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import ALONE_LINE, EventState
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering import abandoned
from asyncevents_core.engine.delivering import events as fan_out
from asyncevents_core.engine.delivering.calls import Calls
from asyncevents_core.engine.delivering.leases import Resolved
from asyncevents_core.engine.delivering.policy import ALONE_FROM, POISON_AFTER
from asyncevents_core.engine.delivering.round import claim_round
from asyncevents_core.worker.claim_state import ClaimState, Situation, Taken
from tests.unit.claiming import Message
from tests.unit.harness import Harness, resolved

SERVICE = "shop:load"


@pytest.fixture
def worker(ledger, clock):
    """A worker with four threads: one service may have three of them."""
    made = Harness(ledger=ledger, clock=clock, calls=Calls(threads=4))
    made.subscribe("order.loaded")
    made.subscribe("order.created")
    return made


def another(worker):
    return evolve(worker.second(), calls=Calls(threads=4))


def vanish(worker):
    """Let the leases of a worker run out."""
    worker.clock.advance(max(worker.policy.resolve_lease, worker.policy.delivery_lease) + 1)


def state_of(worker, *ids):
    found = [worker.event(one) for one in ids]
    return [(one.state, one.parked, one.abandonments) for one in found]


def suspect(worker):
    """Publish an event whose workers have vanished so often that it has to be resolved alone."""
    event_id = worker.publish("order.loaded")
    for _ in range(ALONE_FROM):
        (one,) = another(worker).round(event_ids=frozenset([event_id])).resolving
        assert not one.alone
        vanish(worker)
    assert another(worker).sweep().resolving == ()
    assert state_of(worker, event_id) == [(EventState.OPEN, ALONE_LINE, ALONE_FROM)]
    return event_id


# -- lines --------------------------------------------------------------------------------------


def test_what_finds_no_thread_is_parked_and_plain_events_go_on(worker):
    loaded = [worker.publish("order.loaded") for _ in range(5)]
    plain = worker.publish("order.created")
    claimed = worker.claim(*loaded, plain)
    assert len(claimed.resolving) == 3
    assert claimed.lines == {"order.loaded"}
    assert [lease.event.id for lease in claimed.leases] == [plain]
    assert claimed.events == 4
    parked = [one for one in loaded if worker.event(one).parked]
    assert state_of(worker, *parked) == [(EventState.OPEN, "order.loaded", 0)] * 2


def test_what_is_parked_is_left_alone_by_hand_offs_and_sweeps(worker):
    loaded = [worker.publish("order.loaded") for _ in range(5)]
    worker.claim(*loaded)
    other = another(worker)
    again = other.claim(*loaded)
    assert (again.resolving, again.stale) == ((), 5)
    worker.clock.advance(20)
    swept = other.sweep()
    assert (swept.resolving, swept.events, swept.more_events) == ((), 0, False)


def test_a_line_is_claimed_when_its_service_has_room_the_oldest_first(worker):
    loaded = [worker.publish("order.loaded") for _ in range(6)]
    first = worker.claim(*loaded[:3]).resolving
    for one in loaded[3:]:
        worker.clock.advance(1)
        worker.claim(one)
    assert worker.round(lines=["order.loaded"]).resolving == ()
    worker.calls.release(SERVICE, seconds=5.0)
    claimed = worker.round(lines=["order.loaded"], resolved=[resolved(first[0], {})])
    assert [one.event.id for one in claimed.resolving] == [loaded[3]]
    assert claimed.emptied_lines == frozenset()
    for _ in range(3):
        worker.calls.release(SERVICE, seconds=5.0)
    claimed = worker.round(lines=["order.loaded"])
    assert [one.event.id for one in claimed.resolving] == loaded[4:]
    assert claimed.emptied_lines == {"order.loaded"}


def test_any_worker_finds_the_lines_that_there_are(worker):
    loaded = [worker.publish("order.loaded") for _ in range(5)]
    worker.claim(*loaded)
    other = another(worker)
    assert other.round(find_lines=True).lines == {"order.loaded"}
    assert len(other.round(lines=["order.loaded"]).resolving) == 2


def test_a_line_whose_events_have_no_service_any_more_is_fanned_out(worker):
    loaded = [worker.publish("order.loaded") for _ in range(5)]
    worker.claim(*loaded)
    plain = worker.definitions.get("order.created")
    other = Harness(
        ledger=worker.ledger,
        clock=worker.clock,
        definitions=type(worker.definitions)([plain, evolve(plain, name="order.loaded")]),
        calls=Calls(threads=1),
    )
    claimed = other.round(lines=["order.loaded"])
    assert (len(claimed.leases), claimed.emptied_lines) == (2, {"order.loaded"})
    assert {worker.event(lease.event.id).parked for lease in claimed.leases} == {""}


def test_a_sweep_over_more_than_services_take_comes_to_what_is_behind(worker):
    for _ in range(20):
        worker.publish("order.loaded")
    plain = worker.publish("order.created")
    worker.clock.advance(10)
    leases, rounds = (), 0
    while not leases:
        rounds += 1
        leases = worker.round(sweep=10).leases
    assert [lease.event.id for lease in leases] == [plain]
    assert rounds == 3


# -- suspects -----------------------------------------------------------------------------------


def test_an_event_is_resolved_beside_others_after_the_first_worker_that_vanished(worker):
    loaded = [worker.publish("order.loaded") for _ in range(2)]
    worker.claim(*loaded)
    vanish(worker)
    claimed = another(worker).sweep()
    assert [one.alone for one in claimed.resolving] == [False, False]
    assert state_of(worker, *loaded) == [(EventState.RESOLVING, "", 1)] * 2


def test_a_suspect_is_resolved_alone(worker):
    event_id = suspect(worker)
    plain, loaded = worker.publish("order.created"), worker.publish("order.loaded")
    claimed = worker.round(services=False, suspect=True, event_ids=frozenset([plain, loaded]))
    assert [(one.event.id, one.alone) for one in claimed.resolving] == [(event_id, True)]
    assert [lease.event.id for lease in claimed.leases] == [plain]
    assert state_of(worker, event_id) == [(EventState.RESOLVING, "", ALONE_FROM)]
    assert state_of(worker, loaded) == [(EventState.OPEN, "order.loaded", 0)]
    worker.round(resolved=[resolved(claimed.resolving[0], {})])
    assert state_of(worker, event_id) == [(EventState.FANNED_OUT, "", 0)]
    assert worker.round(services=False, suspect=True).emptied_lines == {ALONE_LINE}


def test_a_suspect_may_be_claimed_before_others_may(worker):
    event_id, loaded = suspect(worker), worker.publish("order.loaded")
    state = ClaimState(roles=frozenset([Role.TRIGGER]), lines=frozenset([ALONE_LINE]))
    seen = Situation(now=1.0, free=10)
    hand_off = Taken(hand_offs=[Message(ids=(loaded,))])
    wanted = state.next_round(seen, hand_off, [], list(state.lines_to_claim(seen)))
    claimed = worker.ledger.run(
        lambda tx: claim_round(tx, worker.claimant, wanted, worker.permits, worker.calls)
    ).claimed
    assert [one.event.id for one in claimed.resolving] == [event_id]
    state = state.after(seen, wanted, claimed, random=0.5)
    assert state.resolving == {event_id}
    assert not state.calls_services(seen)
    assert state_of(worker, loaded) == [(EventState.OPEN, "order.loaded", 0)]


def test_without_a_suspect_the_line_is_forgotten_and_nothing_else_is_called(worker):
    loaded = worker.publish("order.loaded")
    claimed = worker.round(services=False, suspect=True, event_ids=frozenset([loaded]))
    assert (claimed.resolving, claimed.emptied_lines) == ((), {ALONE_LINE})
    assert claimed.lines == {"order.loaded"}


def test_only_one_suspect_is_resolved_at_a_time(worker):
    first, second = suspect(worker), suspect(worker)
    (one,) = worker.round(services=False, suspect=True).resolving
    (other,) = another(worker).round(services=False, suspect=True).resolving
    assert {one.event.id, other.event.id} == {first, second}


def test_an_event_is_poison_after_workers_that_vanished_with_it_alone(worker):
    event_id = suspect(worker)
    for number in range(ALONE_FROM, POISON_AFTER):
        assert worker.event(event_id).abandonments == number
        (one,) = another(worker).round(services=False, suspect=True).resolving
        assert one.alone
        vanish(worker)
        worker.sweep()
    event = worker.event(event_id)
    assert event.state is EventState.FAILED
    assert event.error == "poison: its workers vanished 5 times"


def test_a_suspect_that_was_not_called_stays_one(worker):
    event_id = suspect(worker)
    (one,) = worker.round(services=False, suspect=True).resolving
    worker.fan_out(Resolved(resolving=one, unstarted=True))
    assert state_of(worker, event_id) == [(EventState.OPEN, "", ALONE_FROM)]
    assert worker.sweep().lines == {ALONE_LINE}


def test_a_suspect_whose_service_fails_is_none_any_more(worker):
    event_id = suspect(worker)
    (one,) = worker.round(services=False, suspect=True).resolving
    worker.fan_out(Resolved(resolving=one, error="ValueError: no order"))
    assert state_of(worker, event_id) == [(EventState.OPEN, "", 0)]
    assert worker.event(event_id).deaths == 1


def test_a_large_fan_out_waits_for_one_that_is_resolved_alone(worker, monkeypatch):
    monkeypatch.setattr(fan_out, "CHUNK", 0)
    event_id = suspect(worker)
    plain = worker.publish("order.created")
    claimed = worker.round(services=False, suspect=True, event_ids=frozenset([plain]))
    assert [one.event.id for one in claimed.resolving] == [event_id]
    assert state_of(worker, plain) == [(EventState.OPEN, "order.created", 0)]
    assert [one.event.id for one in worker.round(lines=["order.created"]).resolving] == [plain]


# -- who is not blamed --------------------------------------------------------------------------


def died_together(worker):
    """Return a suspect and a plain delivery, whose worker vanished with both."""
    event_id, plain = suspect(worker), worker.publish("order.created")
    vanishing = another(worker)
    vanishing.round(services=False, suspect=True, event_ids=frozenset([plain]))
    vanish(worker)
    return event_id, plain


def delivery(worker, event_id):
    trace = worker.trace(event_id)
    outcomes = [one.outcome for one in trace.attempts]
    return trace.delivery.state, trace.delivery.abandonments, outcomes


@pytest.mark.parametrize("event_first", [True, False])
def test_deliveries_are_not_blamed_for_a_worker_that_a_suspect_took_along(worker, event_first):
    event_id, plain = died_together(worker)
    if event_first:
        worker.sweep()
        assert delivery(worker, plain) == (DeliveryState.WAITING, 0, [OutcomeKind.ABANDONED])
        worker.due()
    else:
        worker.due()
        worker.sweep()
    assert delivery(worker, plain) == (DeliveryState.LEASED, 0, [OutcomeKind.ABANDONED])
    assert state_of(worker, event_id) == [(EventState.OPEN, ALONE_LINE, ALONE_FROM + 1)]


def test_deliveries_are_not_blamed_for_an_event_that_was_abandoned_once(worker):
    loaded, plain = worker.publish("order.loaded"), worker.publish("order.created")
    another(worker).claim(loaded)
    vanish(worker)
    other = another(worker)
    other.round(sweep=500, event_ids=frozenset([plain]))
    vanish(worker)
    worker.due()
    assert delivery(worker, plain) == (DeliveryState.LEASED, 0, [OutcomeKind.ABANDONED])


def test_deliveries_are_blamed_where_no_event_was_abandoned_before(worker):
    loaded, plain = worker.publish("order.loaded"), worker.publish("order.created")
    another(worker).claim(loaded, plain)
    vanish(worker)
    worker.due()
    assert delivery(worker, plain) == (DeliveryState.LEASED, 1, [OutcomeKind.ABANDONED])


def test_leases_that_still_run_are_left_to_their_worker(worker):
    event_id = suspect(worker)
    slow = another(worker)
    slow.round(services=False, suspect=True)
    worker.clock.advance(worker.policy.resolve_lease - 1)
    plain = worker.publish("order.created")
    slow.claim(plain)
    worker.clock.advance(2)
    worker.sweep()
    assert state_of(worker, event_id) == [(EventState.OPEN, ALONE_LINE, ALONE_FROM + 1)]
    assert delivery(worker, plain) == (DeliveryState.LEASED, 0, [])


def test_more_deliveries_than_one_batch_are_excused(worker, monkeypatch):
    monkeypatch.setattr(abandoned, "_BATCH", 2)
    suspect(worker)
    plain = [worker.publish("order.created") for _ in range(5)]
    another(worker).round(services=False, suspect=True, event_ids=frozenset(plain))
    vanish(worker)
    worker.sweep()
    assert {delivery(worker, one)[:2] for one in plain} == {(DeliveryState.WAITING, 0)}

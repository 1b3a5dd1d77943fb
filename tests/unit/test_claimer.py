"""The thread that claims, cycle by cycle on the test's own thread."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.payload import to_json
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.leases import Resolved, Resolving
from asyncevents_core.errors import LedgerError, LedgerUnavailable
from tests.unit.claiming import Message, make_claimer


class Worker:
    """A claimer, and what it hands on."""

    def __init__(self, harness):
        self.leases = []
        self.calls = {}
        self.buried = []
        self.unwritten = 0
        self.room = 100
        self.claimer = make_claimer(
            harness, deliverer=self, services=self, bookkeeper=self, roles=[Role.TRIGGER]
        )

    def hand_off(self, *ids):
        self.claimer._hand_offs.put([Message(ids=ids)])

    def cycle(self):
        self.claimer._claim()

    def answer(self, event_id, **result):
        resolving, results = self.calls.pop(event_id)
        results.put(Resolved(resolving=resolving, **result))

    # -- what the claimer hands on to -------------------------------------------------------

    def submit(self, what, where):
        if isinstance(what, Resolving):
            self.calls[what.event.id] = (what, where)
        else:
            self.leases.extend(what)

    def bury(self, delivery_ids):
        self.buried.extend(delivery_ids)


@pytest.fixture
def worker(harness):
    return Worker(harness)


class Refusing:
    """A ledger that refuses the body of one event, as often as it is tried."""

    def __init__(self, ledger, refused, error):
        self._ledger, self.refused, self._error = ledger, refused, error

    def run(self, work):
        def stubborn(tx):
            store = tx.events.store_bodies

            def refuse(bodies):
                if self.refused in bodies:
                    raise self._error
                store(bodies)

            tx.events.store_bodies = refuse
            return work(tx)

        return self._ledger.run(stubborn)


def test_a_result_that_cannot_be_written_keeps_no_others_waiting(harness, worker):
    harness.subscribe("order.loaded")
    harness.subscribe("order.created")
    good, bad = harness.publish("order.loaded"), harness.publish("order.loaded")
    worker.hand_off(good, bad)
    worker.cycle()
    worker.claimer._ledger = Refusing(harness.ledger, bad, LedgerError("refused"))
    plain = harness.publish()
    worker.hand_off(plain)
    for one in (good, bad):
        worker.answer(one, data=to_json({}))
    with pytest.raises(LedgerError):
        worker.cycle()
    worker.cycle()
    assert harness.event(good).state is EventState.FANNED_OUT
    assert harness.event(plain).state is EventState.FANNED_OUT
    failed = harness.event(bad)
    assert (failed.state, failed.deaths) == (EventState.OPEN, 1)
    assert failed.error == "its result cannot be written: refused"
    assert worker.claimer.idle


def test_results_wait_for_a_ledger_that_is_away(harness, worker):
    harness.subscribe("order.loaded")
    event_id = harness.publish("order.loaded")
    worker.hand_off(event_id)
    worker.cycle()
    worker.claimer._ledger = Refusing(harness.ledger, event_id, LedgerUnavailable("away"))
    worker.answer(event_id, data=to_json({}))
    with pytest.raises(LedgerUnavailable):
        worker.cycle()
    worker.claimer._ledger = harness.ledger
    worker.cycle()
    assert harness.event(event_id).state is EventState.FANNED_OUT


def test_what_the_ledger_refuses_does_not_count_as_an_outage(harness, worker):
    def step():
        raise LedgerError("refused")

    assert worker.claimer._try(step, 0.0) > 0
    assert not worker.claimer._health.down


@pytest.mark.parametrize("large_first", [True, False])
def test_results_beside_a_large_one_that_cannot_be_written_are_kept(
    harness, worker, monkeypatch, large_first
):
    """The ledger goes away while a large event is fanned out in chunks."""
    monkeypatch.setattr("asyncevents_core.engine.delivering.events.CHUNK", 2)
    for tenant in ("large", "large", "large", "small"):
        harness.subscribe("order.loaded", tenant=tenant)
    large = harness.publish("order.loaded", tenant="large")
    small = harness.publish("order.loaded", tenant="small")
    worker.hand_off(large, small)
    worker.cycle()
    for one in (large, small) if large_first else (small, large):
        worker.answer(one, data=to_json({}))
    worker.claimer._ledger = Refusing(harness.ledger, large, LedgerUnavailable("away"))
    with pytest.raises(LedgerUnavailable):
        worker.cycle()
    assert len(worker.claimer._resolved) == 2
    worker.claimer._ledger = harness.ledger
    worker.cycle()
    assert [len(harness.traces(one)) for one in (large, small)] == [3, 1]
    assert harness.event(large).state is harness.event(small).state is EventState.FANNED_OUT

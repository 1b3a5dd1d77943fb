"""The thread that claims, cycle by cycle on the test's own thread."""

from __future__ import annotations

import pytest
from attrs import frozen

from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.json_text import to_json
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.delivering.claims import Resolved
from asyncevents_core.errors import LedgerError, LedgerUnavailable
from asyncevents_core.worker.bell import Bell
from asyncevents_core.worker.claimer import Claimer, Outlets
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.receiver import Inbox
from asyncevents_core.worker.rounds import Rounds


@frozen
class Message:
    ids: tuple


class Worker:
    """A claimer, and what it hands on."""

    def __init__(self, harness):
        bell, health = Bell(), LedgerHealth()
        self.harness = harness
        self.inbox = Inbox(bell)
        self.leases = []
        self.calls = {}
        self.room = 100
        self.claimer = Claimer(
            ledger=harness.ledger,
            rounds=Rounds(
                index=harness._index,
                events=harness._claims,
                due=harness._due,
                permits=harness.permits,
                roles=[Role.TRIGGER],
                owner=harness.owner,
                health=health,
            ),
            events=harness._claims,
            permits=harness.permits,
            roles=[Role.TRIGGER],
            most_resolving=100,
            inbox=self.inbox,
            woken=Inbox(bell),
            bell=bell,
            health=health,
            clock=harness.clock,
            outlets=Outlets(
                deliver=lambda leases, _: self.leases.extend(leases),
                resolve=self._resolve,
                resolvable=lambda: self.room,
                acknowledge=lambda _: None,
                acknowledge_woken=lambda _: None,
                bury=lambda _: None,
                unwritten=lambda: 0,
            ),
        )

    def hand_off(self, *ids):
        self.inbox.put([Message(ids=ids)])

    def cycle(self):
        self.claimer._cycle()

    def answer(self, event_id, **result):
        resolving, done = self.calls.pop(event_id)
        done(Resolved(resolving=resolving, **result))

    def _resolve(self, resolving, done):
        self.calls[resolving.event.id] = (resolving, done)


@pytest.fixture
def worker(harness):
    return Worker(harness)


def refusing(harness, refused, error):
    """Let the ledger refuse the body of one event, as often as it is tried."""
    fan_out = harness._claims.fan_out_resolved

    def stubborn(tx, resolved, plan, result):
        fan_out(tx, resolved, plan, result)
        if any(one.resolving.event.id == refused and one.error is None for one in resolved):
            raise error

    harness._claims.fan_out_resolved = stubborn


def test_a_result_that_cannot_be_written_keeps_no_others_waiting(harness, worker):
    harness.subscribe("order.loaded")
    harness.subscribe("order.created")
    good, bad = harness.publish("order.loaded"), harness.publish("order.loaded")
    worker.hand_off(good, bad)
    worker.cycle()
    refusing(harness, bad, LedgerError("refused"))
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
    assert failed.reason == "its result cannot be written: refused"
    assert worker.claimer.idle


def test_results_wait_for_a_ledger_that_is_away(harness, worker):
    harness.subscribe("order.loaded")
    event_id = harness.publish("order.loaded")
    worker.hand_off(event_id)
    worker.cycle()
    fan_out = harness._claims.fan_out_resolved
    refusing(harness, event_id, LedgerUnavailable("away"))
    worker.answer(event_id, data=to_json({}))
    with pytest.raises(LedgerUnavailable):
        worker.cycle()
    harness._claims.fan_out_resolved = fan_out
    worker.cycle()
    assert harness.event(event_id).state is EventState.FANNED_OUT


def test_what_the_ledger_refuses_does_not_count_as_an_outage(harness, worker):
    def step():
        raise LedgerError("refused")

    assert worker.claimer._try(step, 0.0) > 0
    assert not worker.claimer._health.down

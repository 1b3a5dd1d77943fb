"""The thread that writes outcomes: what stops it, and what does not."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.delivering.outcomes import Finished
from asyncevents_core.errors import BrokerUnavailable, LedgerUnavailable
from asyncevents_core.ports.observer import NOBODY
from asyncevents_core.ports.retry import RetryManager
from asyncevents_core.worker import bookkeeper
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.inboxes import Alarm, Bell
from asyncevents_core.worker.ledger_health import LedgerHealth
from asyncevents_core.worker.retry_teller import RetryTeller
from asyncevents_core.worker.vitals import Vitals

WAIT = 30.0


class Remembering(RetryManager):
    """A retry manager that remembers, and waits until it may."""

    def __init__(self):
        self.scheduled = []
        self.buried = []
        self.asked = threading.Event()
        self.may = threading.Event()
        self.may.set()

    def schedule(self, retries):
        self.asked.set()
        self.may.wait(WAIT)
        self.scheduled.extend(one.delivery_id for one in retries)

    def bury(self, delivery_ids):
        self.asked.set()
        self.may.wait(WAIT)
        self.buried.extend(delivery_ids)


class Picky:
    """A ledger that refuses attempts with a certain detail, or fails for a while."""

    def __init__(self, ledger, refused, outages=0):
        self._ledger = ledger
        self._refused = refused
        self.outages = outages

    def read(self, query):
        return self._ledger.read(query)

    def run(self, work):
        def picky(tx):
            record = tx.outcomes.record

            def refuse(attempts, *, indexing=False):
                if self.outages:
                    self.outages -= 1
                    raise LedgerUnavailable("the database is away")
                if any(one.detail == self._refused for one in attempts):
                    raise ValueError("a text that cannot be stored")
                record(attempts, indexing=indexing)

            tx.outcomes.record = refuse
            return work(tx)

        return self._ledger.run(picky)


class Locked:
    """A ledger in which somebody else has locked deliveries, for as long as they are `held`."""

    def __init__(self, ledger, held):
        self._ledger = ledger
        self.held = set(held)

    def read(self, query):
        return self._ledger.read(query)

    def run(self, work):
        def locking(tx):
            record = tx.outcomes.record
            tx.outcomes.lock = lambda ids: set(ids) - self.held

            def wait(attempts, *, indexing=False):
                if self.held & {one.delivery_id for one in attempts}:
                    raise TimeoutError
                record(attempts, indexing=indexing)

            tx.outcomes.record = wait
            return work(tx)

        while True:
            try:
                return self._ledger.run(locking)
            except TimeoutError:
                time.sleep(0.01)


@pytest.fixture
def retries():
    return Remembering()


@pytest.fixture
def vitals():
    return Vitals()


@pytest.fixture
def keeping(harness, retries, vitals):
    """Return a context in which a bookkeeper writes what is put, and stops at its end."""

    @contextmanager
    def keep(ledger=None):
        written = threading.Event()
        made = Bookkeeper(
            ledger=ledger or harness.ledger,
            retries=retries,
            worker=WorkerRow(
                id=harness.owner, host="h", pid=1, roles=tuple(Role), started_at=0, beat_at=0
            ),
            policy=harness.policy,
            clock=harness.clock,
            health=LedgerHealth(),
            vitals=vitals,
            alarm=Alarm(Bell()),
            bell=SimpleNamespace(ring=written.set),
            observers=NOBODY,
        )
        made.start()
        yield made, written
        assert made.stop(WAIT)

    return keep


def finished(harness, *outcomes):
    """Return attempts of as many new events, and the events' ids."""
    harness.subscribe()
    ids = [harness.publish() for _ in outcomes]
    leases = {one.event.id: one for one in harness.claim(*ids).leases}
    return ids, [
        Finished(lease=leases[id_], outcome=outcome, started=0.0, duration=0.1)
        for id_, outcome in zip(ids, outcomes, strict=True)
    ]


def test_text_that_databases_refuse_is_mended(harness, keeping):
    (event_id,), (one,) = finished(
        harness, Outcome.permanent("a\x00b\ud800" + "x" * 1000, response="\x00")
    )
    with keeping() as (keeper, _):
        keeper.put(one)
    (attempt,) = harness.trace(event_id).attempts
    assert attempt.detail.startswith("a\ufffdb\ufffdxxx")
    assert len(attempt.detail) == 500
    assert attempt.response == "\ufffd"


def test_an_outcome_that_the_ledger_refuses_does_not_stop_others(harness, keeping, caplog):
    ids, batch = finished(
        harness,
        Outcome.delivered("HTTP 200"),
        Outcome.permanent("odd"),
        Outcome.delivered("HTTP 201"),
    )
    with keeping(Picky(harness.ledger, "odd", outages=1)) as (keeper, _):
        for one in batch:
            keeper.put(one)
    states = [harness.states(one) for one in ids]
    assert states == [[DeliveryState.DELIVERED], [DeliveryState.DEAD], [DeliveryState.DELIVERED]]
    details = [harness.trace(one).attempts[0].detail for one in ids]
    assert details == [
        "HTTP 200",
        "bug in sink recording: the ledger refused its outcome",
        "HTTP 201",
    ]
    refused = [one for one in caplog.records if one.message.startswith("an outcome was refused")]
    assert [one.delivery for one in refused] == [str(batch[1].lease.delivery.id)]


def test_outcomes_of_locked_deliveries_hold_up_no_others(harness, keeping, monkeypatch, caplog):
    caplog.set_level("INFO", logger="asyncevents")
    monkeypatch.setattr(bookkeeper, "_WAITED", 0.005)
    monkeypatch.setattr(bookkeeper, "_LOOK_AGAIN", 0.05)
    ids, (first, odd, *rest) = finished(
        harness,
        Outcome.delivered("HTTP 200"),
        Outcome.permanent("no"),
        *[Outcome.delivered("")] * 3,
    )
    ledger = Locked(harness.ledger, [one.lease.delivery.id for one in (first, odd)])

    def states():
        return [one for event_id in ids for one in harness.states(event_id)]

    def await_states(*wanted):
        until = time.monotonic() + WAIT
        while states() != list(wanted):
            assert time.monotonic() < until, states()
            time.sleep(0.01)

    leased, delivered, dead = DeliveryState.LEASED, DeliveryState.DELIVERED, DeliveryState.DEAD
    with keeping(ledger) as (keeper, _):
        for one in (first, odd, rest[0]):
            keeper.put(one)
        await_states(leased, leased, delivered, leased, leased)
        # What comes later does not wait at all.
        keeper.put(rest[1])
        await_states(leased, leased, delivered, delivered, leased)
        assert keeper.unwritten >= 2
        ledger.held.remove(first.lease.delivery.id)
        await_states(delivered, leased, delivered, delivered, leased)
        ledger.held.clear()
        # At its end it writes these, too.
        keeper.put(rest[2])
    assert states() == [delivered, dead, delivered, delivered, delivered]
    told = [one.message for one in caplog.records if "lock" in one.message]
    assert told == [
        "somebody has locked deliveries; their outcomes wait, and others go on",
        "nobody locks deliveries any more",
    ]


def test_the_end_does_not_wait_for_ever_for_locked_deliveries(harness, keeping, monkeypatch):
    monkeypatch.setattr(bookkeeper, "_WAITED", 0.005)
    _, (one,) = finished(harness, Outcome.delivered("HTTP 200"))
    ledger = Locked(harness.ledger, [one.lease.delivery.id])
    with keeping(ledger) as (keeper, _):
        keeper.put(one)
        assert not keeper.stop(0.5)
        assert keeper.unwritten == 1
        ledger.held.clear()
        # Only for the fixture, which wants all of it to be written.
        keeper._aside.clear()
        keeper._queue.clear()


def test_the_retry_manager_hears_of_retries_and_dead_letters(harness, keeping, retries):
    _, (again, dead) = finished(harness, Outcome.retryable("HTTP 503"), Outcome.permanent("no"))
    with keeping() as (keeper, _):
        keeper.put(again)
        keeper.put(dead)
    assert retries.scheduled == [again.lease.delivery.id]
    assert retries.buried == [dead.lease.delivery.id]


def test_a_retry_manager_that_hangs_holds_up_no_outcome(harness, keeping, retries):
    ids, (first, second) = finished(
        harness, Outcome.retryable("HTTP 503"), Outcome.delivered("HTTP 200")
    )
    retries.may.clear()
    with keeping() as (keeper, written):
        keeper.put(first)
        assert retries.asked.wait(WAIT)
        written.clear()
        keeper.put(second)
        assert written.wait(WAIT)
        assert harness.states(ids[1]) == [DeliveryState.DELIVERED]
        retries.may.set()
    assert retries.scheduled == [first.lease.delivery.id]


def test_what_a_hanging_retry_manager_cannot_take_is_dropped_with_one_line(retries, caplog):
    retries.may.clear()
    teller = RetryTeller(retries)
    teller.start()
    teller.bury([uuid7()])
    assert retries.asked.wait(WAIT)
    for _ in range(500):
        teller.bury([uuid7()])
    assert [one.message for one in caplog.records] == [
        "the retry manager hangs; the ledger's due times serve retries"
    ]
    retries.may.set()


def test_a_retry_manager_that_does_not_answer_is_a_line_and_a_bug_a_traceback(retries, caplog):
    errors = [BrokerUnavailable("away"), BrokerUnavailable("away"), ZeroDivisionError()]

    def fail(_):
        raise errors.pop(0)

    retries.bury = fail
    teller = RetryTeller(retries)
    teller.start()
    for _ in range(3):
        teller.bury([uuid7()])
    teller.stop(WAIT)
    assert [one.message for one in caplog.records] == [
        "the retry manager does not answer; the ledger's due times serve retries",
        "the retry manager failed; the ledger's due times serve retries",
    ]


def test_without_progress_there_is_no_sign_of_life(harness, keeping, vitals, monkeypatch):
    monkeypatch.setattr(bookkeeper, "BEAT_EVERY", 0.01)

    def row():
        (found,) = harness.ledger.read(lambda view: view.workers.all())
        return found

    def later(condition):
        until = time.monotonic() + WAIT
        while not condition() and time.monotonic() < until:
            # The ledger has the harness's clock.
            harness.clock.advance(0.1)
            time.sleep(0.01)
        return condition()

    with keeping():
        first = row().beat_at
        assert later(lambda: row().beat_at > first)
        vitals.trouble = "the event loop stands still for 3 s"
        assert later(lambda: row().trouble == vitals.trouble)
        vitals.stalled = True
        time.sleep(0.1)
        last = row().beat_at
        harness.clock.advance(10.0)
        time.sleep(0.1)
        assert row().beat_at == last
        vitals.stalled, vitals.trouble = False, None
        assert later(lambda: row().beat_at > last and row().trouble is None)


@pytest.fixture
def failing(harness):
    """Return how often a recipient is known to have failed in a row."""

    def count():
        (one,) = harness.ledger.read(lambda view: view.subscriptions.all())
        return one.streak.failures

    return count


def test_a_worker_that_ends_writes_down_how_recipients_fare(harness, keeping, failing):
    _, attempts = finished(harness, *[Outcome.permanent("HTTP 400")] * 3)
    with keeping() as (made, written):
        made.put(attempts[0])
        assert written.wait(WAIT)
        assert failing() == 1
        # Within the second in which nothing of this is written.
        for one in attempts[1:]:
            made.put(one)
    assert failing() == 3


def test_what_no_further_batch_takes_along_is_written_with_the_next_beat(
    harness, keeping, failing, monkeypatch
):
    monkeypatch.setattr(bookkeeper, "BEAT_EVERY", 0.2)
    _, attempts = finished(harness, *[Outcome.permanent("HTTP 400")] * 2)
    with keeping() as (made, written):
        made.put(attempts[0])
        assert written.wait(WAIT)
        made.put(attempts[1])
        until = time.monotonic() + WAIT
        while failing() < 2 and time.monotonic() < until:
            time.sleep(0.02)
        assert failing() == 2

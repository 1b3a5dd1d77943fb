"""The thread that writes outcomes: what stops it, and what does not."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.outcomes import Finished
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.ports.retry import RetryManager
from asyncevents_core.worker.bookkeeper import Bookkeeper
from asyncevents_core.worker.ledger_health import LedgerHealth

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

    def run(self, work):
        def picky(tx):
            record = tx.record_attempts

            def refuse(attempts):
                if self.outages:
                    self.outages -= 1
                    raise LedgerUnavailable("the database is away")
                if any(one.detail == self._refused for one in attempts):
                    raise ValueError("a text that cannot be stored")
                record(attempts)

            tx.record_attempts = refuse
            return work(tx)

        return self._ledger.run(picky)


@pytest.fixture
def retries():
    return Remembering()


@pytest.fixture
def keeping(harness, retries):
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
            heard=lambda: None,
            scheduled=lambda delay: None,
            written=written.set,
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

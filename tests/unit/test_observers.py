"""Observers hear what happens, in order, and hold nothing up."""

from __future__ import annotations

import threading

import pytest

from asyncevents_core import NewSubscription, SubscriptionStatus
from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import DeadReason, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.engine.shared import observing
from asyncevents_core.engine.shared.observing import ObserverThreads
from asyncevents_core.errors import LedgerNotMigrated
from asyncevents_core.plugin import (
    AttemptEnded,
    AttemptStarted,
    BacklogCounted,
    DeliveryDied,
    EventFailed,
    EventsHandedOff,
    EventsPublished,
    LedgerUsed,
    Notice,
    Observer,
    Outcome,
    RoundClaimed,
    SubscriptionChanged,
    WorkerStarted,
    WorkerStopping,
    hookimpl,
)
from asyncevents_core.ports.observer import NOBODY, Observers
from asyncevents_core.testing import RecordingSinkType
from tests.unit.claiming import make_claimer

WAIT = 30.0
NOTICES = Notice.__subclasses__()


class Hearing(Observer):
    """Keeps every notice."""

    def __init__(self):
        self.heard = []

    def of(self, kind):
        return [one for one in self.heard if isinstance(one, kind)]


def _hear(self, notice):
    self.heard.append(notice)


METHODS = [name for name in vars(Observer) if not name.startswith("_")]
for _name in METHODS:
    setattr(Hearing, _name, _hear)


class Told(Observers):
    """Observers that are told at once."""

    any = True

    def __init__(self):
        self.notices = []

    def tell(self, notice):
        self.notices.append(notice)


@pytest.fixture
def hearing():
    return Hearing()


@pytest.fixture
def application(local_application, hearing):
    kind = RecordingSinkType()

    class Sinks:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [kind]

    made = local_application(Sinks(), settings=None, observers=[hearing])
    made.recorder = kind.recorder
    return made


def test_each_kind_of_notice_calls_a_method_of_its_own():
    called = {}
    for kind in NOTICES:
        observer = Observer()
        for name in METHODS:
            setattr(observer, name, lambda _, name=name, kind=kind: called.setdefault(kind, name))
        kind.tell(None, observer)
    assert sorted(called.values()) == sorted(METHODS)


def test_an_observer_that_overrides_nothing_hears_everything_and_does_nothing():
    for name in METHODS:
        assert getattr(Observer(), name)(None) is None


def test_a_delivery_is_told_from_publish_to_outcome(application, hearing):
    subscription = application.subscribe(
        NewSubscription(event_name="example.created", sink="recording", target="memory:a")
    )
    (trace,) = application.deliver()
    application.flush()
    application.close()
    delivery = trace.delivery.id
    assert hearing.of(SubscriptionChanged) == [
        SubscriptionChanged(subscription_id=subscription.id, status=SubscriptionStatus.ENABLED)
    ]
    assert hearing.of(EventsPublished) == [
        EventsPublished(event_ids=(trace.event.id,), names=("example.created",))
    ]
    assert hearing.of(EventsHandedOff) == [EventsHandedOff(event_ids=(trace.event.id,))]
    (started,) = hearing.of(AttemptStarted)
    assert (started.delivery_id, started.sink, started.number) == (delivery, "recording", 1)
    (ended,) = hearing.of(AttemptEnded)
    assert (ended.delivery_id, ended.outcome) == (delivery, Outcome.delivered("recorded"))
    (claimed,) = [one for one in hearing.of(RoundClaimed) if one.deliveries]
    assert (claimed.events, claimed.deliveries) == (1, [delivery])
    assert [one.worker.id for one in hearing.of(WorkerStarted)] == [
        one.worker.id for one in hearing.of(WorkerStopping)
    ]
    assert hearing.of(BacklogCounted)
    order = [type(one) for one in hearing.heard]
    places = [order.index(one) for one in (EventsPublished, AttemptStarted, AttemptEnded)]
    assert places == sorted(places)


def test_what_is_given_up_is_told_with_its_reason(application, hearing):
    application.subscribe(
        NewSubscription(event_name="example.created", sink="recording", target="memory:a")
    )
    application.recorder.script("memory:a", Outcome.permanent("HTTP 400", http_status=400))
    (trace,) = application.deliver()
    application.close()
    assert hearing.of(DeliveryDied) == [
        DeliveryDied(
            delivery_id=trace.delivery.id,
            subscription_id=trace.delivery.subscription_id,
            sink="recording",
            reason=DeadReason.PERMANENT,
        )
    ]


def test_a_recipient_that_is_gone_is_told_as_a_change_of_its_subscription(application, hearing):
    one = application.subscribe(
        NewSubscription(event_name="example.created", sink="recording", target="memory:a")
    )
    application.recorder.script("memory:a", Outcome.gone("HTTP 410"))
    application.deliver()
    application.close()
    assert hearing.of(SubscriptionChanged)[-1] == SubscriptionChanged(
        subscription_id=one.id, status=SubscriptionStatus.DISABLED
    )


def test_poison_and_failed_events_are_told_by_the_round_that_finds_them(harness, clock):
    told = Told()
    handing_on = type("Handing", (), {"unwritten": 0, "bury": lambda *_: None})()
    claimer = make_claimer(
        harness, roles=[], bookkeeper=handing_on, services=handing_on, observers=told
    )
    harness.subscribe()
    event_id = harness.publish()
    harness.claim(event_id)
    for _ in range(5):
        clock.advance(harness.policy.delivery_lease + 1)
        found = harness.second().due()
    claimer._hand_on(found, 0.0)
    (died,) = [one for one in told.notices if isinstance(one, DeliveryDied)]
    assert died.reason is DeadReason.POISON
    assert harness.states(event_id) == [DeliveryState.DEAD]

    harness.subscribe("order.loaded")
    loaded = harness.publish("order.loaded")
    harness.claim(loaded)
    for _ in range(5):
        clock.advance(harness.policy.resolve_lease + 1)
        found = harness.second().sweep()
        if found.lines:
            harness.second().round(suspect=True)
    claimer._hand_on(found, 0.0)
    (failed,) = [one for one in told.notices if isinstance(one, EventFailed)]
    assert (failed.event_id, failed.error) == (loaded, "poison: its workers vanished 5 times")


def test_a_change_that_changes_nothing_is_not_told(ledger, harness):
    number = harness.subscribe()
    told = Told()
    by = Actor.trusted("operator")
    for _ in range(2):
        set_status(ledger, [number], SubscriptionStatus.DISABLED, by=by, observers=told)
    assert [one.status for one in told.notices] == [SubscriptionStatus.DISABLED]


def test_transactions_are_told_with_rows_and_failures(tmp_path):
    told = Told()
    ledger = SqlLedger(f"sqlite:///{tmp_path}/l.db", cipher=Cipher([]), observers=told)
    with pytest.raises(LedgerNotMigrated):
        ledger.check()
    ledger.upgrade()
    told.notices.clear()
    with pytest.raises(KeyError):
        ledger.run(lambda tx: {}["nothing"])
    ledger.read(lambda view: view.now())
    failed, read = told.notices
    assert isinstance(failed, LedgerUsed)
    assert (failed.failed, failed.reads_only, failed.reruns) == (True, False, 0)
    assert (read.failed, read.reads_only) == (False, True)
    assert read.seconds >= 0
    ledger.close()


def test_one_that_raises_silences_nobody_else(hearing, caplog):
    class Raising(Observer):
        def event_failed(self, notice):
            raise ZeroDivisionError

    thread = ObserverThreads([Raising(), hearing])
    notice = EventFailed(event_id=uuid7(), event_name="n", error="r")
    thread.tell(notice)
    thread.close()
    assert hearing.heard == [notice]
    (record,) = caplog.records
    assert (record.message, record.observer) == ("an observer failed", f"{Raising.__qualname__}")


def test_a_slow_one_holds_up_nobody_and_what_does_not_fit_is_counted(monkeypatch, caplog):
    monkeypatch.setattr(observing, "MOST_NOTICES", 2)
    monkeypatch.setattr(observing, "_LAST_NOTICES", 0.1)
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Observer):
        def event_failed(self, notice):
            begun.set()
            go_on.wait(WAIT)

    thread = ObserverThreads([Slow()])
    notice = EventFailed(event_id=uuid7(), event_name="n", error="r")
    thread.tell(notice)
    assert begun.wait(WAIT)
    for _ in range(5):
        thread.tell(notice)
    assert thread.dropped == 3
    (record,) = caplog.records
    assert record.message == "an observer is too slow; notices are dropped"
    thread.close()
    go_on.set()


def test_one_that_hangs_holds_up_no_other():
    go_on, heard = threading.Event(), threading.Event()

    class Hanging(Observer):
        def event_failed(self, notice):
            go_on.wait(WAIT)

    class Quick(Observer):
        def event_failed(self, notice):
            heard.set()

    threads = ObserverThreads([Hanging(), Quick()])
    threads.tell(EventFailed(event_id=uuid7(), event_name="n", error="r"))
    assert heard.wait(WAIT)
    go_on.set()
    threads.close()


def test_without_observers_there_is_no_thread():
    before = threading.enumerate()
    thread = ObserverThreads([])
    thread.tell(EventFailed(event_id=uuid7(), event_name="n", error="r"))
    assert not thread.any
    assert set(threading.enumerate()) <= set(before)
    thread.close()
    assert not NOBODY.any
    NOBODY.tell(EventFailed(event_id=uuid7(), event_name="n", error="r"))

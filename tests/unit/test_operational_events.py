"""Events about the framework itself: to whom they are told, and never about themselves."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from jsonschema import Draft202012Validator, FormatChecker

from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain import operational
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.failing import FailurePolicy
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.subscription import RetryPolicy, SubscriptionStatus
from asyncevents_core.engine.delivering import health
from asyncevents_core.engine.delivering import operational as making
from asyncevents_core.engine.delivering.leases import Claimed, FailedEvent
from asyncevents_core.engine.delivering.operational import Operations
from asyncevents_core.engine.delivering.outcomes import Finished, book
from asyncevents_core.engine.delivering.recovery import reap_workers
from asyncevents_core.engine.delivering.telling import tell_of_lost, tell_of_round
from asyncevents_core.engine.upkeep.lateness import tell_if_late
from asyncevents_core.errors import InvalidPayload
from asyncevents_core.ports.observer import NOBODY
from asyncevents_core.worker.recipients import Recipients
from tests.unit.harness import fails, ok

POLICY = FailurePolicy(warn_failures=2, warn_after=0, disable_failures=4, disable_after=0)
FAILED, WELL = fails(None), ok(None)
SCHEMAS = {
    one.name: Draft202012Validator(
        {**one.schema, "additionalProperties": False}, format_checker=FormatChecker()
    )
    for one in operational.DEFINITIONS
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(health, "_WRITTEN_EVERY", 0.0)


@pytest.fixture
def harness(harness):
    harness.definitions = EventCatalog(
        [EventDefinition(name="order.created"), *operational.DEFINITIONS]
    )
    harness.__attrs_post_init__()
    return harness


class Worker:
    """Books attempts as a worker does, and shows what it tells."""

    def __init__(self, harness):
        self.harness = harness
        self.operations = Operations("/test")
        self.recipients = Recipients(POLICY, self.operations, NOBODY)
        self.recipients.refresh(harness.ledger)

    def attempt(self, subscription, *outcomes, leases=None):
        """Make attempts of deliveries to a subscription, each written on its own."""
        for outcome in outcomes:
            if leases is None:
                event_id = self.harness.publish()
                found = self.harness.claim(event_id).leases
            else:
                found = leases
            (lease,) = (one for one in found if one.subscription.id == subscription)
            self.book(Finished(lease=lease, outcome=outcome, started=0.0, duration=0.1))

    def book(self, *batch):
        harness = self.harness
        booking = book(batch, policy=harness.policy, clock=harness.clock, owner=harness.owner)
        self.recipients.count(batch)
        harness.ledger.run(lambda tx: self.recipients.write(tx, booking))
        self.recipients.tell()

    def told(self):
        """Return what was told since the last time, by whom it reaches."""
        found = []
        for lease in self.harness.sweep().leases:
            if lease.event.is_operational:
                body = json.loads(lease.event.body)
                SCHEMAS[body["type"]].validate(body["data"])
                found.append((lease.subscription.id, body["type"], body["data"]))
        return found


def names(told):
    return [name.removeprefix("asyncevents.") for _, name, _ in told]


def test_a_recipients_fate(harness):
    listening = harness.subscribe("asyncevents.subscription.*")
    number = harness.subscribe()
    worker = Worker(harness)
    worker.attempt(number, FAILED)
    assert worker.told() == []
    worker.attempt(number, FAILED)
    ((receiver, name, data),) = worker.told()
    assert (receiver, name) == (listening, operational.FAILING)
    assert (data["subscription_id"], data["failures"], data["error"]) == (number, 2, "HTTP 500")
    assert data["failing_since"] <= data["at"]
    worker.attempt(number, FAILED)
    assert worker.told() == []
    worker.attempt(number, WELL)
    assert names(worker.told()) == ["subscription.recovered"]
    worker.attempt(number, FAILED, FAILED, FAILED, FAILED)
    told = worker.told()
    assert sorted(names(told)) == ["subscription.disabled", "subscription.failing"]
    assert told[1][2]["reason"] == "the recipient has failed for too long"


def test_one_that_is_gone(harness):
    harness.subscribe("asyncevents.**")
    number = harness.subscribe(retry=RetryPolicy(maximum_deaths=0))
    worker = Worker(harness)
    worker.attempt(number, Outcome.gone("HTTP 410", http_status=410))
    told = {name: data for _, name, data in worker.told()}
    assert set(told) == {operational.DISABLED, operational.DEAD}
    assert told[operational.DISABLED]["reason"] == "the recipient answered 410 Gone"
    assert told[operational.DEAD]["reason"] == "permanent"


def test_a_dead_letter_names_its_event_and_why(harness):
    harness.subscribe("asyncevents.delivery.dead")
    number = harness.subscribe(retry=RetryPolicy(maximum_deaths=0))
    worker = Worker(harness)
    worker.attempt(number, FAILED)
    ((_, _, data),) = worker.told()
    assert (data["reason"], data["error"]) == ("exhausted", "HTTP 500")
    assert (data["event_name"], data["subscription_id"]) == ("order.created", number)
    assert {"delivery_id", "event_id", "target", "sink", "tenant"} <= set(data)


def test_nothing_is_made_where_nobody_listens(harness):
    harness.subscribe("**", retry=RetryPolicy(maximum_deaths=0))
    number = harness.subscribe(retry=RetryPolicy(maximum_deaths=0))
    worker = Worker(harness)
    before = harness.ledger.read(lambda view: view.backlog())
    event_id = harness.publish()
    for lease in harness.claim(event_id).leases:
        worker.book(Finished(lease=lease, outcome=FAILED, started=0.0, duration=0.1))
    assert number
    after = harness.ledger.read(lambda view: view.backlog())
    assert (before.events_open, after.events_open) == (0, 0)


def test_never_about_itself(harness):
    """Who cannot be told of dead letters is not told of that."""
    listening = harness.subscribe("asyncevents.**", retry=RetryPolicy(maximum_deaths=0))
    number = harness.subscribe(retry=RetryPolicy(maximum_deaths=0))
    worker = Worker(harness)
    worker.attempt(number, *[FAILED, WELL] * 5)
    leases = harness.sweep().leases
    assert [one.event.name for one in leases] == [operational.DEAD] * 5
    for lease in leases:
        assert lease.subscription.id == listening
        worker.book(Finished(lease=lease, outcome=FAILED, started=0.0, duration=0.1))
    # It fails for too long, as others do: that is said in the log, and on its page.
    assert worker.told() == []
    kept = harness.ledger.read(lambda view: view.subscriptions.get(listening))
    assert kept.status is SubscriptionStatus.DISABLED


def test_tenants_hear_of_their_own_only(harness):
    everybody = harness.subscribe("asyncevents.**")
    acme = harness.subscribe("asyncevents.**", tenant="acme")
    harness.subscribe("asyncevents.**", tenant="zenith")
    of_acme = harness.subscribe(tenant="acme", retry=RetryPolicy(maximum_deaths=0))
    common = harness.subscribe(retry=RetryPolicy(maximum_deaths=0))
    worker = Worker(harness)

    event_id = harness.publish(tenant="acme")
    leases = harness.claim(event_id).leases
    worker.attempt(of_acme, FAILED, leases=leases)
    assert {receiver for receiver, _, _ in worker.told()} == {everybody, acme}
    # A delivery of acme's event to who gets those of all.
    worker.attempt(common, FAILED, leases=leases)
    assert {receiver for receiver, _, _ in worker.told()} == {everybody, acme}
    event_id = harness.publish()
    leases = harness.claim(event_id).leases
    worker.attempt(common, FAILED, leases=leases)
    assert {receiver for receiver, name, _ in worker.told()} == {everybody}


def test_there_are_not_too_many_of_a_name(harness, monkeypatch):
    monkeypatch.setattr(making, "MOST_A_MINUTE", 3)
    harness.subscribe("asyncevents.delivery.dead")
    number = harness.subscribe(retry=RetryPolicy(maximum_deaths=0))
    worker = Worker(harness)
    worker.attempt(number, *[FAILED, WELL] * 5)
    assert len(worker.told()) == 3
    worker.operations._minutes[operational.DEAD].begun -= 61.0
    worker.attempt(number, FAILED)
    ((_, _, data),) = worker.told()
    assert data["left_out"] == 2


def test_events_that_cannot_be_made(harness):
    harness.subscribe("asyncevents.event.failed")
    harness.subscribe()
    worker = Worker(harness)
    event_id = harness.publish()
    gone = EventCatalog([*operational.DEFINITIONS])
    harness.claimant = evolve(harness.claimant, definitions=gone)

    def work(tx):
        failed = FailedEvent(id=event_id, name="order.created", tenant=None, error="no service")
        tell_of_round(tx, worker.operations, harness.claimant, Claimed(failed=(failed,)))

    harness.ledger.run(work)
    ((_, name, data),) = worker.told()
    assert (name, data["error"]) == (operational.FAILED, "no service")


def test_workers_that_vanish(harness, clock):
    harness.subscribe("asyncevents.worker.lost")
    worker = Worker(harness)
    other = harness.second()
    other.beat()
    clock.advance(20.0)

    def reap(tx):
        reaped = reap_workers(tx, me=harness.owner)
        tell_of_lost(tx, worker.operations, reaped.lost)

    harness.ledger.run(reap)
    ((_, name, data),) = worker.told()
    assert (name, data["worker_id"], data["host"]) == (operational.LOST, str(other.owner), "here")
    harness.ledger.run(reap)
    assert worker.told() == []


def test_what_is_late_is_told_once_in_ten_minutes(harness, clock):
    operations = Operations("/test")
    number = harness.subscribe()
    harness.publish()
    clock.advance(75.0)
    assert not tell_if_late(harness.ledger, operations)
    listening = harness.subscribe("asyncevents.backlog.late")
    assert tell_if_late(harness.ledger, operations)
    assert not tell_if_late(harness.ledger, Operations("/other"))
    leases = harness.sweep().leases
    (told,) = (one for one in leases if one.event.name == operational.LATE)
    assert told.subscription.id == listening
    data = json.loads(told.event.body)["data"]
    assert data["events_open"] == 1
    SCHEMAS[operational.LATE].validate(data)
    assert number in {one.subscription.id for one in leases}
    harness.attempt(leases)
    clock.advance(700.0)
    assert not tell_if_late(harness.ledger, operations)
    harness.publish()
    clock.advance(100.0)
    assert tell_if_late(harness.ledger, operations)


def test_nobody_else_tells_it(harness):
    with pytest.raises(InvalidPayload, match="asyncevents tells that itself"):
        harness.publish(operational.DEAD)


def test_who_hears_needs_what_it_takes_to_read_the_same():
    needed = {one.name: one.resources for one in operational.DEFINITIONS}
    assert needed[operational.DEAD] == ("logs.list",)
    assert needed[operational.LOST] == ("manage",)
    assert set(needed) == set(operational.NAMES)

"""Subscriptions to patterns: what is checked, and what whoever subscribes may get."""

from __future__ import annotations

import pytest
from attrs import evolve

from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain.access import ALL, Actor, Resource
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.managing import delivery_tests
from asyncevents_core.engine.managing.subscriptions import (
    Checked,
    change,
    reached_names,
    set_status,
    subscribe,
)
from asyncevents_core.engine.publishing.arguments import ArgumentChecks
from asyncevents_core.engine.publishing.publish import PublishRules
from asyncevents_core.errors import AccessDenied, InvalidValue, UnknownEvent
from asyncevents_core.testing.builders import make_subscription

EVENTS = EventCatalog(
    [
        EventDefinition(name="order.created"),
        EventDefinition(name="order.paid", resources=("money",)),
        EventDefinition(name="customer.created", resources=("people",)),
        EventDefinition(name="asyncevents.delivery.dead"),
    ]
)
EVERYBODY = Actor.trusted("operator")
OWN = frozenset({Resource.CREATE.value, Resource.SAVE.value})
NOBODY = Actor(who="nobody", resources=OWN)
BANKER = Actor(who="banker", resources=OWN | {"money"})


@pytest.fixture
def made(ledger):
    def make(event_name: str, by: Actor = EVERYBODY):
        return subscribe(
            ledger, EVENTS, make_subscription(event_name=event_name), check=Checked, by=by
        )

    return make


@pytest.mark.parametrize(
    ("wanted", "by", "kept", "reached"),
    [
        ("order.created", NOBODY, "order.created", ["order.created"]),
        ("order.*", EVERYBODY, "order.*", ["order.created", "order.paid"]),
        ("order.*", NOBODY, "order.*", ["order.created"]),
        ("order.*", BANKER, "order.*", ["order.created", "order.paid"]),
        ("**", NOBODY, "**", ["order.created"]),
        ("**,!order.*", EVERYBODY, "**, !order.*", ["customer.created"]),
        ("order.paid , order.created", BANKER, "order.paid, order.created", None),
        ("asyncevents.**", NOBODY, "asyncevents.**", ["asyncevents.delivery.dead"]),
    ],
)
def test_what_is_kept_and_reached(made, wanted, by, kept, reached):
    one = made(wanted, by)
    assert one.event_name == kept
    assert reached_names(EVENTS, one) == (reached or ["order.created", "order.paid"])


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ("order.payed", UnknownEvent),
        ("order.*, order.payed", UnknownEvent),
        ("orders.*", UnknownEvent),
        ("order created", InvalidValue),
        ("", InvalidValue),
        ("!order.created", InvalidValue),
    ],
)
def test_what_nobody_can_subscribe_to(made, wanted, error):
    with pytest.raises(error):
        made(wanted)


@pytest.mark.parametrize(
    "wanted", ["order.paid", "order.*, order.paid", "order.created,order.paid"]
)
def test_a_name_that_is_written_needs_its_resources(made, wanted):
    with pytest.raises(AccessDenied, match=r"to subscribe to order\.paid you need"):
        made(wanted, NOBODY)


def test_who_changes_a_pattern_gives_it_no_more_than_it_may_get(ledger, made):
    one = made("order.*", BANKER)

    def changed(by, **values):
        return change(
            ledger, EVENTS, one.id, lambda old: evolve(old, **values), check=Checked, by=by
        )

    # The target is the way out: what goes there is for whoever names it.
    assert changed(EVERYBODY, target="https://example.com/a").granted == {"create", "save", "money"}
    everywhere = changed(EVERYBODY, event_name="**")
    assert (everywhere.granted, len(reached_names(EVENTS, everywhere))) == (None, 3)
    with pytest.raises(AccessDenied):
        # It would be taken from who gets it.
        changed(NOBODY, target="https://example.com/b")
    assert changed(EVERYBODY, event_name="order.created").granted is None
    narrow = changed(NOBODY, event_name="order.*")
    assert reached_names(EVENTS, narrow) == ["order.created"]


def test_only_who_may_get_all_of_it_switches_it(ledger, made):
    one = made("order.*", BANKER)
    off = SubscriptionStatus.DISABLED
    with pytest.raises(AccessDenied):
        set_status(ledger, [one.id], off, by=NOBODY, definitions=EVENTS)
    assert set_status(ledger, [one.id], off, by=BANKER, definitions=EVENTS) == [one.id]


def test_grants_are_what_somebody_has():
    assert NOBODY.granted == {"create", "save"}
    assert BANKER.granted == {"create", "save", "money"}
    assert Actor(who="a", resources=frozenset({ALL, "x"})).granted is None
    assert "logs.list" in Actor(who="a", resources=frozenset({"manage"})).granted
    assert "money" not in Actor(who="a", resources=frozenset({"manage"})).granted


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [("order.paid", "order.paid"), ("order.*", "order.created"), ("*.paid", "order.paid")],
)
def test_a_recorded_test_is_one_of_the_events(ledger, made, wanted, sent):
    one = made(wanted)
    rules = PublishRules(source="/test", max_payload_bytes=1000, arguments=ArgumentChecks(None))
    delivery = delivery_tests.send_recorded_test(
        ledger, one.id, {"a": 1}, rules=rules, by=EVERYBODY, definitions=EVENTS
    )
    trace = ledger.read(lambda view: view.traces.of_delivery(delivery))
    assert trace.event.name == sent


def test_an_event_reaches_patterns_through_a_claim(harness):
    harness.definitions = EVENTS
    harness.__attrs_post_init__()
    everything, other = harness.subscribe("order.*"), harness.subscribe("customer.*")
    exact = harness.subscribe("order.paid")
    event_id = harness.publish("order.paid")
    claimed = harness.claim(event_id)
    assert {one.subscription.id for one in claimed.leases} == {everything, exact}
    assert other not in {one.subscription.id for one in claimed.leases}

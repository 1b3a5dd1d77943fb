"""The index of subscriptions says what a look at each of them would say, whatever changed."""

from __future__ import annotations

from random import Random

import pytest
from attrs import evolve

from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.delivering import subscription_index
from asyncevents_core.engine.delivering.subscription_index import SubscriptionIndex
from asyncevents_core.testing.builders import make_subscription

EVENTS = ("order.created", "order.paid")
WANTED = (
    *EVENTS,
    "order.*",
    "*.paid",
    "order.*, !order.paid",
    "order.created, order.paid",
    "**",
    "invoice.*, *.created",
)
TENANTS = (None, "acme", "zenith")
ASKED = (*TENANTS, "unknown")


def receivers(ledger, name, tenant):
    """Look at every subscription."""
    return sorted(
        one.id
        for one in ledger.run(lambda tx: tx.subscriptions.all())
        if one.pattern.matches(name)
        and one.status is SubscriptionStatus.ENABLED
        and (tenant is None or one.tenant in {None, tenant})
    )


def change(tx, random, known):
    """Subscribe somebody, or change, enable, disable or delete a subscription."""
    wanted = make_subscription(event_name=random.choice(WANTED), tenant=random.choice(TENANTS))
    deed = random.choice(["subscribe", "subscribe", "update", "set status"])
    if deed == "subscribe" or not known:
        known.append(tx.subscriptions.insert(wanted))
    elif deed == "update":
        tx.subscriptions.update(random.choice(known), wanted)
    else:
        number, status = random.choice(known), random.choice(list(SubscriptionStatus))
        tx.subscriptions.set_status([number], status)
        if status is SubscriptionStatus.DELETED:
            known.remove(number)


@pytest.mark.parametrize("seed", range(5))
def test_an_event_reaches_those_that_a_look_at_all_of_them_finds(ledger, seed):
    random, known, index = Random(seed), [], SubscriptionIndex()
    for _ in range(40):
        ledger.run(lambda tx: change(tx, random, known))
        ledger.run(index.refresh)
        for name in EVENTS:
            for tenant in ASKED:
                found = [one.id for one in index.matches(name, tenant)]
                assert sorted(found) == receivers(ledger, name, tenant)


def test_an_event_that_nobody_subscribed_to_reaches_nobody(ledger):
    index = SubscriptionIndex()
    ledger.run(index.refresh)
    assert not index.matches("order.created", None)


def test_a_pattern_reaches_what_who_subscribed_may_get(ledger):
    index = SubscriptionIndex()

    def insert(tx):
        return [
            tx.subscriptions.insert(evolve(make_subscription(event_name=name), granted=granted))
            for name, granted in (
                ("order.*", None),
                ("order.*", frozenset()),
                ("order.*", frozenset({"orders", "money"})),
                ("order.*, order.created", frozenset()),
            )
        ]

    everything, nothing, some, named = ledger.run(insert)
    ledger.run(index.refresh)

    def reached(name, *resources):
        return {one.id for one in index.matches(name, None, resources)}

    assert reached("order.created") == {everything, nothing, some, named}
    assert reached("order.created", "orders") == {everything, some, named}
    assert reached("order.paid", "orders", "money") == {everything, some}
    assert reached("order.paid", "more") == {everything}


def test_many_answers_and_long_ones_are_not_kept(ledger, monkeypatch):
    monkeypatch.setattr(subscription_index, "_MOST_KEPT", 1)
    monkeypatch.setattr(subscription_index, "_ANSWERS_KEPT", 2)
    index = SubscriptionIndex()
    ledger.run(lambda tx: tx.subscriptions.insert(make_subscription(event_name="order.*")))
    ledger.run(index.refresh)
    for _ in range(2):
        for number in range(5):
            assert len(index.matches(f"order.e{number}", f"t{number}")) == 1
    ledger.run(lambda tx: tx.subscriptions.insert(make_subscription(event_name="**.e1")))
    ledger.run(index.refresh)
    assert [len(index.matches("order.e1", None)) for _ in range(2)] == [2, 2]
    assert len(index.matches("order.e2", None)) == 1


def test_what_is_no_pattern_is_logged_and_gets_nothing(ledger, caplog):
    index = SubscriptionIndex()
    wanted = make_subscription(event_name="order created")
    number = ledger.run(lambda tx: tx.subscriptions.insert(wanted))
    ledger.run(index.refresh)
    assert "a subscription gets nothing: its event cannot be read" in caplog.text
    assert not index.matches("order created", None)
    ledger.run(lambda tx: tx.subscriptions.update(number, make_subscription(event_name="order.*")))
    ledger.run(index.refresh)
    assert [one.id for one in index.matches("order.created", None)] == [number]

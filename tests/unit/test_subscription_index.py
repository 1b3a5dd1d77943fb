"""The index of subscriptions says what a look at each of them would say, whatever changed."""

from __future__ import annotations

from random import Random

import pytest

from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.delivering.subscription_index import SubscriptionIndex
from asyncevents_core.testing.builders import make_subscription

EVENTS = ("order.created", "order.paid")
TENANTS = (None, "acme", "zenith")
ASKED = (*TENANTS, "unknown")


def receivers(ledger, name, tenant):
    """Look at every subscription."""
    return sorted(
        one.id
        for one in ledger.run(lambda tx: tx.subscriptions.all())
        if one.event_name == name
        and one.status is SubscriptionStatus.ENABLED
        and (tenant is None or one.tenant in {None, tenant})
    )


def change(tx, random, known):
    """Subscribe somebody, or change, enable, disable or delete a subscription."""
    wanted = make_subscription(event_name=random.choice(EVENTS), tenant=random.choice(TENANTS))
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

"""Subscriptions of agents end when nobody renews them; what others subscribed stays."""

from __future__ import annotations

import pytest

from asyncevents_core import NewSubscription
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.callback import EXPIRES_AT, SINK, callback_key
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.engine.upkeep import callbacks
from asyncevents_core.engine.upkeep.callbacks import end_expired, end_expired_if_due
from asyncevents_core.ports.observer import NOBODY
from asyncevents_core.worker.janitor import Janitor

OVER, TO_COME = 1, 2**62


def subscribed(ledger, until, sink=SINK):
    new = NewSubscription(
        event_name="order.created",
        sink=sink,
        target="https://agents.example/hooks",
        options={} if until is None else {EXPIRES_AT: until},
    )
    return ledger.run(lambda tx: tx.subscriptions.insert(new))


def left(ledger):
    return [one.id for one in ledger.read(lambda view: view.subscriptions.all())]


@pytest.mark.parametrize("page", [1, 2, 500])
def test_what_is_over_ends(ledger, page, monkeypatch):
    monkeypatch.setattr(callbacks, "_PAGE", page)
    kept = [
        subscribed(ledger, TO_COME),
        subscribed(ledger, None),
        subscribed(ledger, OVER, sink="http"),
    ]
    over = [subscribed(ledger, OVER) for _ in range(3)]
    kept.append(subscribed(ledger, TO_COME))
    set_status(ledger, over[:1], SubscriptionStatus.DISABLED, by=Actor.trusted("test"))
    assert end_expired(ledger, observers=NOBODY) == 3
    assert left(ledger) == kept
    assert end_expired(ledger, observers=NOBODY) == 0


def test_one_process_looks_for_it_every_five_minutes(ledger, clock):
    subscribed(ledger, OVER)
    assert end_expired_if_due(ledger, observers=NOBODY) == 1
    subscribed(ledger, OVER)
    clock.advance(299)
    assert end_expired_if_due(ledger, observers=NOBODY) == 0
    clock.advance(1)
    assert end_expired_if_due(ledger, observers=NOBODY) == 1


def test_workers_look_for_it_whether_the_clean_up_is_on_or_not(ledger):
    number = subscribed(ledger, OVER)
    janitor = Janitor(
        observers=NOBODY,
        ledger=ledger,
        enabled=False,
        days=30,
        indexed=False,
        idle=3600.0,
        source="/shop",
        next_run=lambda now: now + 1,
    )
    assert janitor._look() is None
    assert left(ledger) == []
    entries = ledger.read(lambda view: view.access.audit(limit=5, before=None))
    assert [(one.who, one.subject) for one in entries] == [("expiry", str(number))]


def test_ids_depend_on_each_part():
    parts = ("token", "https://a.example", "order.created", {"filter": "a"})
    others = [
        ("token 2", *parts[1:]),
        (parts[0], "https://b.example", *parts[2:]),
        (*parts[:2], "order.paid", parts[3]),
        (*parts[:3], {}),
    ]
    assert len({callback_key(*one) for one in [parts, *others]}) == 5
    assert callback_key(*parts) == callback_key(*parts)

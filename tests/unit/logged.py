"""Attempts in a ledger, written as a worker writes them."""

from __future__ import annotations

from attrs import evolve

from asyncevents_core.testing.builders import (
    make_attempt,
    make_delivery,
    make_event,
    make_subscription,
)


def log(ledger, *, name="order.created", subscription_id=1, **fields):
    """Write an attempt of a new delivery; return the delivery's id.

    Subscriptions are made up to the one that it is for.
    """
    while len(ledger.read(lambda view: view.subscriptions.all())) < subscription_id:
        ledger.run(lambda tx: tx.subscriptions.insert(make_subscription()))
    event = make_event(name=name)
    delivery = evolve(make_delivery(subscription_id=subscription_id), event_id=event.id)

    def write(tx):
        tx.events.insert([event], due_in=0)
        tx.deliveries.insert([delivery])
        tx.outcomes.record([make_attempt(delivery_id=delivery.id, **fields)])

    ledger.run(write)
    return delivery.id

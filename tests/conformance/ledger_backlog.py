"""The backlog: what is open."""

from __future__ import annotations

from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_event, make_subscription
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    SECOND,
    LedgerFixtures,
    delivery_of,
    ended,
    event_of,
    insert,
    leased,
    publish,
    subscribe,
    waiting,
)

NOTHING = Backlog(
    events_open=0,
    events_due=0,
    events_resolving=0,
    events_failed=0,
    waiting_due=0,
    waiting_later=0,
    parked=0,
    leased=0,
    held=0,
    dead=0,
    oldest_due_at=None,
)


class Backlogs(LedgerFixtures):
    """`view.backlog()`."""

    def test_an_empty_backlog(self, ledger: Ledger) -> None:
        assert ledger.read(lambda view: view.backlog()) == NOTHING

    def test_backlog_of_deliveries(self, ledger: Ledger) -> None:
        insert(
            ledger,
            waiting(-10.0),
            waiting(-5.0),
            waiting(100.0),
            waiting(-5.0, parked=True),
            leased(uuid7()),
            leased(uuid7(), due=-1.0),
            ended(DeliveryState.HELD),
            ended(DeliveryState.DEAD),
            ended(DeliveryState.DELIVERED),
            ended(DeliveryState.CANCELLED),
        )

        backlog = ledger.read(lambda view: view.backlog())

        assert evolve(backlog, oldest_due_at=None) == evolve(
            NOTHING, waiting_due=2, waiting_later=1, parked=1, leased=2, held=1, dead=1
        )

    def test_backlog_of_events(self, ledger: Ledger) -> None:
        (first,) = publish(ledger, due_in=-10.0)
        publish(ledger, due_in=10.0)
        running, expired = publish(ledger, make_event(), make_event())
        failed, done = publish(ledger, make_event(), make_event())
        for one, lease in ((running, 60.0), (expired, -60.0)):
            _resolve(ledger, one, lease)
        ledger.run(lambda tx: tx.events.fail(failed, deaths=1, error="no"))
        ledger.run(lambda tx: tx.events.mark_fanned_out([done]))

        backlog = ledger.read(lambda view: view.backlog())

        assert backlog == evolve(
            NOTHING,
            events_open=2,
            events_due=2,
            events_resolving=2,
            events_failed=1,
            oldest_due_at=event_of(ledger, first).due_at,
        )

    def test_the_backlog_of_a_tenant(self, ledger: Ledger) -> None:
        own, foreign = (
            subscribe(ledger, make_subscription(tenant=tenant)) for tenant in ("t", "u")
        )
        publish(ledger, make_event(tenant="t"), due_in=-1.0)
        publish(ledger, make_event(tenant="u"), make_event(), due_in=-60.0)
        (mine,) = insert(ledger, waiting(-30.0, subscription_id=own))
        insert(
            ledger,
            waiting(-90.0, subscription_id=foreign),
            ended(DeliveryState.DEAD, subscription_id=own),
            ended(DeliveryState.DEAD, subscription_id=foreign),
        )

        backlog = ledger.read(lambda view: view.backlog(tenant="t"))

        assert backlog == evolve(
            NOTHING,
            events_open=1,
            events_due=1,
            waiting_due=1,
            dead=1,
            oldest_due_at=delivery_of(ledger, mine).due_at,
        )
        assert ledger.read(lambda view: view.backlog(tenant="nobody")) == NOTHING

    def test_the_backlog_looks_ahead(self, ledger: Ledger) -> None:
        publish(ledger, due_in=10.0)
        insert(ledger, waiting(20.0))

        now_due = ledger.read(lambda view: view.backlog())
        soon_due = ledger.read(lambda view: view.backlog(horizon=60.0))

        assert (now_due.events_due, now_due.waiting_due, now_due.waiting_later) == (0, 0, 1)
        assert (soon_due.events_due, soon_due.waiting_due, soon_due.waiting_later) == (1, 1, 0)

    def test_the_oldest_may_be_a_delivery(self, ledger: Ledger, clock: ManualClock) -> None:
        (delivery_id,) = insert(ledger, waiting(10.0))
        clock.advance(30.0)
        publish(ledger)

        backlog = ledger.read(lambda view: view.backlog())

        assert backlog.oldest_due_at == delivery_of(ledger, delivery_id).due_at


def _resolve(ledger: Ledger, event_id: UUID, lease: float) -> None:
    ledger.run(
        lambda tx: tx.events.start_resolving(
            [event_id],
            owner=uuid7(),
            due_at=tx.now() + round(lease * SECOND),
            abandoned=False,
        )
    )

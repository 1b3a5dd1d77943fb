"""Traces: deliveries with all that happened to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import Attempt, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.replay import ReplayRequest
from asyncevents_core.domain.trace import EventDelivery, Trace
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_attempt, make_event, make_subscription
from tests.conformance.ledger_base import (
    LedgerFixtures,
    delivery_of,
    event_of,
    insert,
    now,
    publish,
    sorted_ids,
    subscribe,
    waiting,
)


class Traces(LedgerFixtures):
    """`view.traces`."""

    def test_trace(self, ledger: Ledger) -> None:
        number = subscribe(ledger, make_subscription(sink="recording", target="memory:shop"))
        (event_id,) = publish(ledger, make_event(arguments=b'{"id":7}'))
        ledger.run(lambda tx: tx.events.store_bodies({event_id: b'{"specversion":"1.0"}'}))
        original, replay, again = sorted_ids(3)
        insert(ledger, evolve(waiting(subscription_id=number), id=original, event_id=event_id))
        for one in (again, replay):
            row = waiting(subscription_id=number)
            insert(
                ledger,
                evolve(row, id=one, event_id=event_id, replay_request=uuid7(), replay_of=original),
            )
        second, first = (make_attempt(delivery_id=original, claim_no=n) for n in (2, 1))
        ledger.run(lambda tx: tx.outcomes.record([second, first]))

        trace = ledger.read(lambda view: view.traces.of_delivery(original))

        assert trace is not None
        assert trace.delivery == delivery_of(ledger, original)
        assert trace.event == event_of(ledger, event_id)
        assert trace.event.body == b'{"specversion":"1.0"}'
        assert (trace.sink, trace.target) == ("recording", "memory:shop")
        assert trace.attempts == (first, second)
        assert trace.replays == (replay, again)

    def test_trace_of_nothing(self, ledger: Ledger) -> None:
        assert ledger.read(lambda view: view.traces.of_delivery(uuid7())) is None
        assert ledger.read(lambda view: view.events.get(uuid7())) is None

    def test_traces_of_an_event_oldest_first_in_pages(self, ledger: Ledger) -> None:
        free = subscribe(ledger)
        bound = subscribe(ledger, make_subscription(tenant="t"))
        mine, other = publish(ledger, make_event(), make_event())
        ids = sorted_ids(4)
        for one, number in zip(reversed(ids), (free, bound, free, bound), strict=True):
            row = evolve(waiting(subscription_id=number), id=one, event_id=mine, replay_request=one)
            insert(ledger, row)
        insert(ledger, evolve(waiting(subscription_id=free), event_id=other))
        _record(ledger, make_attempt(delivery_id=ids[1]))

        def traces(after: UUID | None = None, tenant: str | None = None) -> list[UUID]:
            found = ledger.read(
                lambda view: view.traces.of_event(mine, limit=3, after=after, tenant=tenant)
            )
            assert found == [trace(one.delivery.id) for one in found]
            listed = ledger.read(
                lambda view: view.traces.deliveries_of(mine, limit=3, after=after, tenant=tenant)
            )
            assert listed == [
                EventDelivery(delivery=one.delivery, target=one.target) for one in found
            ]
            assert [one.summary for one in listed] == [one.summary for one in found]
            return [one.delivery.id for one in found]

        def trace(delivery_id: UUID, tenant: str | None = None) -> Trace | None:
            return ledger.read(lambda view: view.traces.of_delivery(delivery_id, tenant=tenant))

        assert traces() == ids[:3]
        assert traces(after=ids[2]) == ids[3:]
        assert traces(after=ids[3]) == []
        assert traces(tenant="t") == ids[::2]
        assert traces(tenant="u") == []
        assert trace(ids[0], "t") is not None
        assert trace(ids[1], "t") is None

    def test_a_request_is_part_of_the_trace(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        (event_id,) = publish(ledger)
        request = ReplayRequest(id=uuid7(), requested_by="veronica", what="all dead letters")
        begun = now(ledger)
        ledger.run(lambda tx: tx.replays.insert(request))
        (plain, replay) = insert(
            ledger,
            evolve(waiting(subscription_id=number), event_id=event_id),
            evolve(waiting(subscription_id=number), event_id=event_id, replay_request=request.id),
        )

        first = ledger.read(lambda view: view.traces.of_delivery(plain))
        second = ledger.read(lambda view: view.traces.of_delivery(replay))

        assert first is not None
        assert first.request is None
        assert second is not None
        assert second.request is not None
        assert second.request.requested_by == "veronica"
        assert second.request.requested_at >= begun

    def test_a_long_trace_has_its_ends(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        (event_id,) = publish(ledger)
        one = evolve(waiting(subscription_id=number), event_id=event_id)
        insert(ledger, one)
        attempts = [make_attempt(delivery_id=one.id, claim_no=claim) for claim in range(1, 8)]
        ledger.run(lambda tx: tx.outcomes.record(attempts))

        def claims(most: int | None) -> tuple[list[int], int]:
            found = ledger.read(lambda view: view.traces.of_delivery(one.id, most=most))
            assert found is not None
            return [each.claim_no for each in found.attempts], found.left_out

        assert claims(5) == ([1, 2, 3, 6, 7], 2)
        assert claims(1) == ([1], 6)
        assert claims(6) == ([1, 2, 3, 5, 6, 7], 1)
        assert claims(7) == claims(100) == claims(None) == ([1, 2, 3, 4, 5, 6, 7], 0)

    def test_open_deliveries_by_due_time(self, ledger: Ledger) -> None:
        mine = subscribe(ledger, make_subscription(tenant="mine"))
        other = subscribe(ledger, make_subscription(tenant="other"))
        (event_id,) = publish(ledger)

        def made(due: float, number: int, *, parked: bool = False) -> UUID:
            row = waiting(due, subscription_id=number, parked=parked)
            insert(ledger, evolve(row, event_id=event_id, replay_request=uuid7()))
            return row.id

        later, first, parked = made(5.0, mine), made(-5.0, other), made(-2.0, mine, parked=True)

        def found(**wanted: Any) -> list[UUID]:
            rows = ledger.read(
                lambda view: view.traces.open_deliveries(
                    DeliveryState.WAITING, **{"limit": 9, **wanted}
                )
            )
            return [one.id for one in rows]

        assert found() == [first, parked, later]
        assert found(limit=2) == [first, parked]
        assert found(tenant="mine") == found(subscription_id=mine) == [parked, later]
        assert found(tenant="nobody") == found(subscription_id=mine, tenant="other") == []
        assert found(subscription_id=mine, tenant="mine", limit=1) == [parked]
        (row, *_) = ledger.read(
            lambda view: view.traces.open_deliveries(DeliveryState.WAITING, limit=1)
        )
        assert (row.subscription_id, row.parked, row.claims) == (other, False, 0)
        assert row.event_name == event_of(ledger, event_id).name
        held = ledger.read(lambda view: view.traces.open_deliveries(DeliveryState.HELD, limit=1))
        assert held == []

    def test_a_tenants_open_deliveries_are_the_first_of_all_its_subscriptions(
        self, ledger: Ledger
    ) -> None:
        numbers = [subscribe(ledger, make_subscription(tenant="mine")) for _ in range(4)]
        (event_id,) = publish(ledger)
        # Of the first subscription most, and the last one's come before all of the third one's.
        dues = [(0, -9.0), (0, -8.0), (0, -7.0), (1, -8.5), (2, 1.0), (2, 2.0), (3, -1.0)]
        rows = [
            evolve(
                waiting(due, subscription_id=numbers[which]),
                event_id=event_id,
                replay_request=uuid7(),
            )
            for which, due in dues
        ]
        insert(ledger, *rows)
        wanted = [one.id for one in sorted(rows, key=lambda row: row.due_at or 0)]

        for limit in range(1, 9):
            found = ledger.read(
                lambda view, most=limit: view.traces.open_deliveries(
                    DeliveryState.WAITING, limit=most, tenant="mine"
                )
            )
            assert [one.id for one in found] == wanted[:limit]

    def test_held_deliveries_have_no_due_time(self, ledger: Ledger) -> None:
        mine = subscribe(ledger, make_subscription(tenant="mine"))
        (event_id,) = publish(ledger)
        row = evolve(waiting(subscription_id=mine), event_id=event_id)
        insert(ledger, evolve(row, state=DeliveryState.HELD, due_at=None))

        for wanted in ({}, {"tenant": "mine"}, {"subscription_id": mine}):
            (found,) = ledger.read(
                lambda view, which=wanted: view.traces.open_deliveries(
                    DeliveryState.HELD, limit=9, **which
                )
            )
            assert (found.id, found.due_at) == (row.id, None)


def _record(ledger: Ledger, attempt: Attempt) -> None:
    ledger.run(lambda tx: tx.outcomes.record([attempt]))

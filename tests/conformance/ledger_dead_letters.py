"""Dead letters: dead deliveries, and events that failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.delivery import DeadReason, Delivery, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import DeadLetter
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.testing.builders import make_event, make_subscription
from tests.conformance.ledger_base import (
    LedgerFixtures,
    ended,
    insert,
    publish,
    sorted_ids,
    subscribe,
    waiting,
)
from tests.conformance.ledger_transactions import GLANCE, PATIENCE


class DeadLetters(LedgerFixtures):
    """`tx.dead_letters` and `view.dead_letters`."""

    def test_dead_letters_newest_first(self, ledger: Ledger) -> None:
        number = subscribe(ledger, make_subscription(target="memory:shop"))
        oldest, middle, newest, event_id = sorted_ids(4)
        publish(ledger, make_event(id=event_id, name="a"), make_event(id=oldest, name="b"))
        ledger.run(lambda tx: tx.events.fail(oldest, deaths=6, error="no such order"))
        for one, reason in ((middle, DeadReason.EXHAUSTED), (newest, DeadReason.PERMANENT)):
            row = evolve(ended(DeliveryState.DEAD, subscription_id=number), deaths=6)
            insert(
                ledger, evolve(row, id=one, event_id=event_id, reason=reason, replay_request=one)
            )
        insert(ledger, evolve(waiting(subscription_id=number), event_id=event_id))

        def page(limit: int, before: UUID | None) -> list[DeadLetter]:
            return list(
                ledger.read(
                    lambda view: view.dead_letters.page(DeadFilter(), limit=limit, before=before)
                )
            )

        found = page(10, None)

        assert [one.id for one in found] == [newest, middle, oldest]
        dead, failed = found[1], found[2]
        assert (dead.event_name, dead.subscription_id, dead.target) == ("a", number, "memory:shop")
        assert (dead.reason, dead.summary) == ("exhausted", "Dead Lettered with 5 retries")
        assert (failed.event_name, failed.subscription_id, failed.target) == ("b", None, None)
        assert (failed.reason, failed.error) == ("service", "no such order")
        assert page(2, None) == found[:2]
        assert page(2, middle) == found[2:]
        assert page(2, newest) == found[1:]
        assert page(2, oldest) == []

    def test_dead_letters_tell_whether_they_were_replayed(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        old, replay, event_id, failed = sorted_ids(4)
        publish(ledger, make_event(id=event_id), make_event(id=failed))
        ledger.run(lambda tx: tx.events.fail(failed, deaths=1, error="no"))
        row = evolve(ended(DeliveryState.DEAD, subscription_id=number), event_id=event_id)
        insert(
            ledger,
            evolve(row, id=old),
            evolve(row, id=replay, replay_request=uuid7(), replay_of=old),
        )

        def listed(wanted: DeadFilter) -> dict[UUID, bool]:
            found = ledger.read(lambda view: view.dead_letters.page(wanted, limit=10, before=None))
            return {one.id: one.replayed for one in found}

        assert listed(DeadFilter(replayed=True)) == {failed: False, replay: False, old: True}
        assert listed(DeadFilter()) == {failed: False, replay: False}

    @pytest.mark.parametrize(
        ("wanted", "meant"),
        [
            (DeadFilter(), "a b c failed lost"),
            (DeadFilter(event_name="order.created"), "a b failed"),
            (DeadFilter(subscription_id=2), "b c"),
            (DeadFilter(reason=DeadReason.PERMANENT), "c"),
            (DeadFilter(reason=DeadReason.POISON), ""),
            (DeadFilter(since=2_000), "b c failed lost"),
            (DeadFilter(until=2_000), "a"),
            (DeadFilter(since=2_000, until=4_000), "b c"),
            (DeadFilter(since=4_000, event_name="order.cancelled"), "lost"),
            (DeadFilter(since=2_000, event_name="order.created", subscription_id=2), "b"),
            (DeadFilter(replayed=True), "a b c replayed failed lost"),
            (DeadFilter(event_name="nothing"), ""),
            (DeadFilter(tenant="t"), "b c lost"),
            (DeadFilter(tenant="u"), ""),
            (DeadFilter(delivered=True, subscription_id=3), "again"),
            (DeadFilter(delivered=True, tenant="t"), "b c lost"),
        ],
        ids=str,
    )
    def test_dead_letters_by_filter(self, ledger: Ledger, wanted: DeadFilter, meant: str) -> None:
        names = _dead_letters(ledger)

        def dead(after: UUID | None, limit: int) -> list[UUID]:
            return [
                one.id
                for one in ledger.run(
                    lambda tx: tx.dead_letters.lock_deliveries(wanted, after=after, limit=limit)
                )
            ]

        def failed(after: UUID | None, limit: int) -> list[UUID]:
            return list(
                ledger.run(lambda tx: tx.dead_letters.lock_events(wanted, after=after, limit=limit))
            )

        found = dead(None, 10) + failed(None, 10)
        listed = ledger.read(lambda view: view.dead_letters.page(wanted, limit=10, before=None))

        assert sorted(names[one] for one in found) == sorted(meant.split())
        assert [one.id for one in listed] == sorted(found, reverse=True)
        assert ledger.read(lambda view: view.dead_letters.count(wanted)) == len(found)
        for lock in (dead, failed):
            assert _one_by_one(lock) == lock(None, 10) == sorted(lock(None, 10))

    def test_what_another_request_reopens_is_not_met_again(self, ledger: Ledger) -> None:
        _dead_letters(ledger)
        locked, looked = threading.Event(), threading.Event()

        def failed(tx: LedgerTransaction) -> list[UUID]:
            return list(tx.dead_letters.lock_events(DeadFilter(), after=None, limit=10))

        def reopen(tx: LedgerTransaction) -> int:
            found = failed(tx)
            locked.set()
            assert not looked.wait(GLANCE)
            return tx.events.reopen(found)

        def other() -> list[UUID]:
            assert locked.wait(PATIENCE)
            found = ledger.run(failed)
            looked.set()
            return found

        with ThreadPoolExecutor(2) as pool:
            reopening, looking = pool.submit(ledger.run, reopen), pool.submit(other)
            assert reopening.result(PATIENCE) == 2
            assert looking.result(PATIENCE) == []

    def test_what_another_request_sends_again_is_not_met_again(self, ledger: Ledger) -> None:
        names = _dead_letters(ledger)
        locked, looked = threading.Event(), threading.Event()

        def two(tx: LedgerTransaction) -> list[Delivery]:
            return list(tx.dead_letters.lock_deliveries(DeadFilter(), after=None, limit=2))

        def send_again(tx: LedgerTransaction) -> None:
            found = two(tx)
            locked.set()
            assert not looked.wait(GLANCE)
            again = ended(DeliveryState.DELIVERED)
            tx.deliveries.insert(
                [
                    evolve(
                        again,
                        id=uuid7(),
                        event_id=one.event_id,
                        subscription_id=one.subscription_id,
                        replay_request=uuid7(),
                        replay_of=one.id,
                    )
                    for one in found
                ]
            )

        def other() -> list[str]:
            assert locked.wait(PATIENCE)
            found = ledger.run(two)
            looked.set()
            return [names[one.id] for one in found]

        with ThreadPoolExecutor(2) as pool:
            sending, looking = pool.submit(ledger.run, send_again), pool.submit(other)
            sending.result(PATIENCE)
            assert looking.result(PATIENCE) == ["c"]


def _dead_letters(ledger: Ledger) -> Mapping[UUID, str]:
    """Make dead deliveries and failed events; return their names by id."""
    first, second, third = (
        subscribe(ledger, make_subscription(tenant=tenant)) for tenant in (None, "t", None)
    )
    names = ("order.created", "order.cancelled") * 2
    tenants = (None, None, None, "t")
    created, cancelled, failed, lost = publish(
        ledger,
        *[make_event(name=one, tenant=tenant) for one, tenant in zip(names, tenants, strict=True)],
    )

    def fail(tx: LedgerTransaction) -> None:
        tx.events.mark_fanned_out([created, cancelled])
        for one in (failed, lost):
            tx.events.fail(one, deaths=1, error="poison")

    ledger.run(fail)

    def dead(subscription_id: int, created_at: int, reason: DeadReason) -> Delivery:
        row = ended(DeliveryState.DEAD, subscription_id=subscription_id)
        return evolve(row, event_id=created, created_at=created_at, reason=reason)

    rows = {
        "a": dead(first, 1_000, DeadReason.EXHAUSTED),
        "b": dead(second, 2_000, DeadReason.EXHAUSTED),
        "c": evolve(dead(second, 3_000, DeadReason.PERMANENT), event_id=cancelled),
        "replayed": dead(third, 1_500, DeadReason.EXHAUSTED),
    }
    again = evolve(
        ended(DeliveryState.DELIVERED, subscription_id=third),
        event_id=created,
        replay_request=uuid7(),
        replay_of=rows["replayed"].id,
    )
    ledger.run(lambda tx: tx.deliveries.insert([*rows.values(), again]))
    return {row.id: name for name, row in rows.items()} | {
        failed: "failed",
        lost: "lost",
        again.id: "again",
    }


def _one_by_one(lock: Callable[[UUID | None, int], list[UUID]]) -> list[UUID]:
    """Read pages of one row until there are no more."""
    found: list[UUID] = []
    while page := lock(found[-1] if found else None, 1):
        found += page
    return found

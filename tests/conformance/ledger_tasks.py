"""The rows of tasks, and the clean-up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.delivery import Claim, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.testing.builders import make_attempt, make_delivery
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    DAY,
    SECOND,
    LedgerFixtures,
    ended,
    now,
    publish,
    subscribe,
    waiting,
)
from tests.conformance.ledger_transactions import GLANCE, PATIENCE


class Tasks(LedgerFixtures):
    """What happens to rows afterwards."""

    # -- tasks ------------------------------------------------------------------------------

    def test_a_task_is_taken_by_one_at_a_time(self, ledger: Ledger, clock: ManualClock) -> None:
        first = now(ledger) + 10 * SECOND

        def take() -> bool:
            return ledger.run(
                lambda tx: tx.tasks.take("a", first=first, until=tx.now() + 60 * SECOND)
            )

        assert [take(), take()] == [False, False]
        clock.advance(11.0)
        assert [take(), take()] == [True, False]
        clock.advance(50.0)
        assert not take()
        clock.advance(11.0)
        assert take()

    def test_a_task_that_is_done_is_put_off(self, ledger: Ledger, clock: ManualClock) -> None:
        due = now(ledger) - SECOND
        ledger.run(lambda tx: tx.tasks.take("a", first=due, until=due + 100 * SECOND))
        ledger.run(lambda tx: tx.tasks.put_off("a", until=due + 1000 * SECOND))
        clock.advance(500.0)
        assert not ledger.run(lambda tx: tx.tasks.take("a", first=due, until=tx.now()))
        clock.advance(600.0)
        assert ledger.run(lambda tx: tx.tasks.take("a", first=due, until=tx.now()))

    def test_who_has_a_task_may_keep_it(self, ledger: Ledger, clock: ManualClock) -> None:
        held = now(ledger) + 10 * SECOND
        assert ledger.run(lambda tx: tx.tasks.take("a", first=0, until=held))

        assert ledger.run(lambda tx: tx.tasks.keep("a", held=held, until=held + SECOND))
        assert not ledger.run(lambda tx: tx.tasks.keep("a", held=held, until=held + 2 * SECOND))
        clock.advance(12)
        assert ledger.run(lambda tx: tx.tasks.take("a", first=0, until=held + 60 * SECOND))
        assert not ledger.run(lambda tx: tx.tasks.keep("a", held=held + SECOND, until=held))
        assert not ledger.run(lambda tx: tx.tasks.keep("unheard-of", held=held, until=held))

    def test_who_asks_is_told_whether_a_task_is_taken(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        def taken() -> bool:
            return ledger.read(lambda view: view.tasks.is_taken("a"))

        assert not taken()
        until = now(ledger) + 10 * SECOND
        assert ledger.run(lambda tx: tx.tasks.take("a", first=0, until=until))
        assert taken()
        clock.advance(11)
        assert not taken()

    # -- clean-up ---------------------------------------------------------------------------

    def test_what_is_over_and_old_is_deleted(
        self,
        ledger: Ledger,
        clock: ManualClock,
        index_queue: Callable[[], Mapping[int, int]],
    ) -> None:
        number = subscribe(ledger)
        old = [
            _over(ledger, number, state)
            for state in (DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.CANCELLED)
        ]
        (nobody,) = publish(ledger)
        (failed,) = publish(ledger)
        ledger.run(lambda tx: tx.events.mark_fanned_out([nobody]))
        ledger.run(lambda tx: tx.events.fail(failed, deaths=1, error="no"))
        clock.advance(31 * DAY)
        young = _over(ledger, number, DeliveryState.DELIVERED)

        rows, events = _clean(ledger, days=30)

        assert events == 5
        assert rows == 5 + 3 + 3
        assert [one for one in (*old, nobody, failed, young) if _is_there(ledger, one)] == [young]
        assert len(index_queue()) == 1
        assert _clean(ledger, days=30) == (0, 0)

    @pytest.mark.parametrize(
        "state", [DeliveryState.WAITING, DeliveryState.HELD, DeliveryState.LEASED]
    )
    def test_what_is_not_over_stays_however_old(
        self, ledger: Ledger, clock: ManualClock, state: DeliveryState
    ) -> None:
        number = subscribe(ledger)
        event_id = _over(ledger, number, DeliveryState.DELIVERED)
        (unpublished,) = publish(ledger)
        row = make_delivery(
            state=state, subscription_id=2, due_at=None if state is DeliveryState.HELD else 0
        )
        ledger.run(lambda tx: tx.deliveries.insert([evolve(row, event_id=event_id)]))
        clock.advance(400 * DAY)

        assert _clean(ledger, days=30) == (0, 0)
        assert _is_there(ledger, event_id)
        assert _is_there(ledger, unpublished)

    def test_an_old_event_that_was_tried_lately_stays(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        number = subscribe(ledger)
        event_id = _over(ledger, number, DeliveryState.DELIVERED)
        (trace,) = ledger.read(lambda view: view.traces.of_event(event_id, limit=9))
        clock.advance(31 * DAY)
        late = make_attempt(delivery_id=trace.delivery.id, claim_no=2, started_at=now(ledger))
        ledger.run(lambda tx: tx.outcomes.record([late]))

        assert _clean(ledger, days=30) == (0, 0)
        clock.advance(31 * DAY)
        assert _clean(ledger, days=30) == (4, 1)

    def test_many_rows_go_in_small_steps(self, ledger: Ledger, clock: ManualClock) -> None:
        number = subscribe(ledger)
        for _ in range(7):
            _over(ledger, number, DeliveryState.DELIVERED)
        clock.advance(31 * DAY)

        assert _clean(ledger, days=30, limit=4) == (21, 7)

    def test_what_is_being_replayed_is_not_cleaned_up(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        event_id = _over(ledger, subscribe(ledger), DeliveryState.DEAD)
        clock.advance(31 * DAY)
        locked, looked = threading.Event(), threading.Event()

        def replay(tx: LedgerTransaction) -> None:
            (one,) = tx.dead_letters.lock_deliveries(DeadFilter(), after=None, limit=10)
            locked.set()
            assert looked.wait(PATIENCE if self.concurrent else GLANCE) is self.concurrent
            row = waiting(subscription_id=one.subscription_id)
            tx.deliveries.insert([evolve(row, event_id=event_id, replay_request=uuid7())])

        def other() -> tuple[int, int]:
            assert locked.wait(PATIENCE)
            found = _clean(ledger, days=30)
            looked.set()
            return found

        with ThreadPoolExecutor(2) as pool:
            replaying, cleaning = pool.submit(ledger.run, replay), pool.submit(other)
            replaying.result(2 * PATIENCE)
            assert cleaning.result(PATIENCE) == (0, 0)
        assert len(ledger.read(lambda view: view.traces.of_event(event_id, limit=9))) == 2


def _over(ledger: Ledger, subscription_id: int, state: DeliveryState) -> UUID:
    """Publish an event with one delivery in that state and one attempt, queued for the index."""
    (event_id,) = publish(ledger)
    at = now(ledger)
    row = evolve(ended(state, subscription_id=subscription_id), event_id=event_id, created_at=at)
    made = make_attempt(delivery_id=row.id, started_at=at)
    ledger.run(lambda tx: tx.events.mark_fanned_out([event_id]))
    ledger.run(lambda tx: tx.deliveries.insert([row]))
    ledger.run(lambda tx: tx.outcomes.record([made]))
    ledger.run(lambda tx: tx.index.queue([Claim(id=row.id, claim_no=1)]))
    return event_id


def _clean(ledger: Ledger, *, days: float, limit: int = 1000) -> tuple[int, int]:
    rows = events = 0
    after: UUID | None = None
    while True:
        before = now(ledger) - round(days * DAY * SECOND)
        done = ledger.run(
            lambda tx, before=before, after=after: tx.tasks.delete_old(  # type: ignore[misc]
                before=before, after=after, limit=limit, indexed=False
            )
        )
        rows += done.rows
        events += done.events
        after = done.after
        if after is None and not done.rows:
            return rows, events


def _is_there(ledger: Ledger, event_id: UUID) -> bool:
    return ledger.read(lambda view: view.events.get(event_id)) is not None

"""The queue of attempts for an indexer, and the reads that feed an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.adapters.sqlalchemy import index
from asyncevents_core.domain.delivery import Attempt, Claim, DeadReason, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import LogFilter, LoggedAttempt
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.ledger.index import QueuedAttempt
from asyncevents_core.testing.builders import (
    make_attempt,
    make_event,
    make_subscription,
)
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    DAY,
    SECOND,
    LedgerFixtures,
    ended,
    insert,
    now,
    publish,
    subscribe,
    waiting,
)


class Index(LedgerFixtures):
    """What waits for the index, and what it reads."""

    def test_a_queued_attempt_comes_with_all_that_can_be_searched_for(self, ledger: Ledger) -> None:
        number = subscribe(ledger, make_subscription(sink="recording"))
        (event_id,) = publish(ledger, make_event(name="order.created", tenant="t"))
        (row,) = insert(ledger, evolve(waiting(subscription_id=number), event_id=event_id))
        attempt = make_attempt(delivery_id=row)
        ledger.run(lambda tx: tx.outcomes.record([attempt]))
        ledger.run(lambda tx: tx.events.store_bodies({event_id: b'{"body": 1}'}))

        ledger.run(lambda tx: tx.index.queue([Claim(id=row, claim_no=1)]))

        (queued,) = _queued(ledger)
        assert queued.version == 1
        assert queued.logged is not None
        assert queued.logged.log_id == queued.log_id
        assert queued.logged.row.attempt == attempt
        assert (queued.logged.event.name, queued.logged.event.tenant) == ("order.created", "t")
        assert queued.logged.event.body == b'{"body": 1}'
        assert (queued.logged.row.subscription_id, queued.logged.row.sink) == (number, "recording")
        assert queued.logged.row.delivery_state is DeliveryState.WAITING

    def test_the_status_of_each_attempt(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        (event_id,) = publish(ledger)
        dead = evolve(
            ended(DeliveryState.DEAD, subscription_id=number),
            event_id=event_id,
            claims=3,
            reason=DeadReason.EXHAUSTED,
        )
        ledger.run(lambda tx: tx.deliveries.insert([dead]))
        outcomes = (OutcomeKind.RETRYABLE, OutcomeKind.ABANDONED, OutcomeKind.RETRYABLE)
        _attempts(ledger, dead.id, *outcomes)
        refused = evolve(dead, id=UUID(int=dead.id.int + 1), subscription_id=number, claims=1)
        (other_event,) = publish(ledger)
        ledger.run(lambda tx: tx.deliveries.insert([evolve(refused, event_id=other_event)]))
        _attempts(ledger, refused.id, OutcomeKind.PERMANENT)

        assert [one.row.fate for one in _all(ledger)] == [
            "retrying",
            "abandoned",
            "dead_lettered",
            "dead_lettered",
        ]

    def test_only_what_was_not_queued_again_leaves(self, ledger: Ledger) -> None:
        first, second = _made(ledger, 2)
        versions = {one.log_id: one.version for one in _queued(ledger)}
        ledger.run(lambda tx: tx.index.queue([second]))

        ledger.run(lambda tx: tx.index.unqueue(versions))

        assert [(one.log_id, one.version) for one in _queued(ledger)] == [(max(versions), 2)]
        assert first != second

    def test_what_the_index_refuses_is_set_aside_until_it_is_queued_again(
        self, ledger: Ledger
    ) -> None:
        first, second = _made(ledger, 2)
        versions = {one.log_id: one.version for one in _queued(ledger)}

        ledger.run(lambda tx: tx.index.set_aside(versions))
        assert _queued(ledger) == []
        assert ledger.read(lambda view: view.index.backlog()).set_aside == 2
        ledger.run(lambda tx: tx.index.queue([first]))
        assert [(one.log_id, one.version) for one in _queued(ledger)] == [(min(versions), 2)]
        assert ledger.run(lambda tx: tx.index.queue_set_aside()) == 1

        assert [one.version for one in _queued(ledger)] == [2, 2]
        assert ledger.run(lambda tx: tx.index.queue_set_aside()) == 0
        assert second.claim_no == 2

    def test_one_that_was_queued_meanwhile_is_not_set_aside(self, ledger: Ledger) -> None:
        (claim,) = _made(ledger, 1)
        versions = {one.log_id: one.version for one in _queued(ledger)}
        ledger.run(lambda tx: tx.index.queue([claim]))

        ledger.run(lambda tx: tx.index.set_aside(versions))

        assert [one.version for one in _queued(ledger)] == [2]

    def test_the_queue_is_read_in_order_and_in_pieces(self, ledger: Ledger) -> None:
        _made(ledger, 5)

        ids = [one.log_id for one in _queued(ledger)]

        waiting = [one.log_id for one in _queued(ledger)]
        assert waiting == [one.log_id for one in _queued(ledger, 2)] + [
            one.log_id for one in _queued(ledger, 100, waiting[1])
        ]
        assert ids == sorted(ids)
        assert [one.log_id for one in _queued(ledger, limit=2)] == ids[:2]

    def test_what_the_clean_up_deletes_is_queued_without_its_attempt(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        number = subscribe(ledger)
        (event_id,) = publish(ledger)
        row = evolve(
            ended(DeliveryState.DELIVERED, subscription_id=number),
            event_id=event_id,
            created_at=now(ledger),
        )
        ledger.run(lambda tx: tx.deliveries.fan_out([row], [event_id]))
        at = now(ledger)
        ledger.run(lambda tx: tx.outcomes.record([make_attempt(delivery_id=row.id, started_at=at)]))
        (logged,) = _all(ledger)
        clock.advance(31 * DAY)

        before = now(ledger) - round(30 * DAY * SECOND)
        ledger.run(
            lambda tx: tx.tasks.delete_old(before=before, after=None, limit=100, indexed=True)
        )

        assert _queued(ledger) == [QueuedAttempt(log_id=logged.log_id, version=1, logged=None)]
        backlog = ledger.read(lambda view: view.index.backlog())
        assert (backlog.waiting, backlog.oldest) == (1, None)

    def test_how_far_the_index_is_behind(self, ledger: Ledger) -> None:
        empty = ledger.read(lambda view: view.index.backlog())
        assert (empty.waiting, empty.oldest, empty.set_aside) == (0, None, 0)
        _made(ledger, 3)

        behind = ledger.read(lambda view: view.index.backlog())

        assert (behind.waiting, behind.set_aside) == (3, 0)
        assert behind.oldest == _all(ledger)[0].row.attempt.started_at

    def test_more_than_are_counted_are_said_to_be_more(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index, "COUNTED_UP_TO", 3)
        _made(ledger, 2)
        for expected in ((2, True), (3, True), (3, False)):
            behind = ledger.read(lambda view: view.index.backlog())
            assert (behind.waiting, behind.exact) == expected
            _made(ledger, 1)

    def test_which_attempt_an_index_has_if_it_has_all(self, ledger: Ledger) -> None:
        def first() -> int | None:
            return ledger.read(lambda view: view.index.backlog()).first

        assert first() is None
        _made(ledger, 2)
        assert first() is None

        one, other = _queued(ledger)
        ledger.run(lambda tx: tx.index.set_aside({one.log_id: one.version}))
        ledger.run(lambda tx: tx.index.unqueue({other.log_id: other.version}))
        assert first() is None
        ledger.run(lambda tx: tx.index.queue_set_aside())
        ledger.run(lambda tx: tx.index.unqueue({one.log_id: one.version + 1}))

        assert first() == one.log_id

    def test_attempts_are_read_in_pages_and_by_log_id(self, ledger: Ledger) -> None:
        _made(ledger, 5)
        everything = _all(ledger)
        ids = [one.log_id for one in everything]

        page = ledger.read(lambda view: view.index.attempts(after=ids[1], limit=2))
        chosen = ledger.read(lambda view: view.log.rows([ids[0], ids[3], ids[-1] + 1]))

        assert ids == sorted(ids)
        assert [one.log_id for one in page] == ids[2:4]
        assert chosen == [everything[3].row, everything[0].row]
        assert ledger.read(lambda view: view.log.rows([])) == []

    def test_the_index_queue_counts_versions(
        self, ledger: Ledger, index_queue: Callable[[], Mapping[int, int]]
    ) -> None:
        delivery_id = _delivery(ledger)
        attempts = [make_attempt(delivery_id=delivery_id, claim_no=number) for number in (1, 2)]
        claims = [Claim(id=delivery_id, claim_no=number) for number in (1, 2)]
        ledger.run(lambda tx: tx.outcomes.record(attempts))
        newest, oldest = (
            row.log_id
            for row in ledger.read(lambda view: view.log.page(LogFilter(), limit=10, before=None))
        )

        ledger.run(lambda tx: tx.index.queue(claims))
        first = dict(index_queue())
        ledger.run(lambda tx: tx.index.queue(claims[1:]))

        assert first == {oldest: 1, newest: 1}
        assert dict(index_queue()) == {oldest: 1, newest: 2}

    def test_what_is_recorded_is_queued_if_it_changes_anything(
        self, ledger: Ledger, index_queue: Callable[[], Mapping[int, int]]
    ) -> None:
        delivery_id = _delivery(ledger)
        first, second, third = (
            make_attempt(delivery_id=delivery_id, claim_no=number) for number in (1, 2, 3)
        )
        vanished = Attempt.abandoned(
            Claim(id=delivery_id, claim_no=2), target="", started_at=1, detail="vanished"
        )

        ledger.run(lambda tx: tx.outcomes.record([first, vanished], indexing=True))
        ledger.run(lambda tx: tx.outcomes.record([first, second, third], indexing=True))
        ledger.run(lambda tx: tx.outcomes.record([vanished], indexing=True))

        ids = {one.row.attempt.claim_no: one.log_id for one in _all(ledger)}
        assert len(ids) == 3
        queue = dict(index_queue())
        assert queue.pop(ids[2]) >= 2
        # Where a repeated outcome is queued again, the index writes the same once more.
        assert queue.keys() == {ids[1], ids[3]}

    def test_only_attempts_are_queued(
        self, ledger: Ledger, index_queue: Callable[[], Mapping[int, int]]
    ) -> None:
        delivery_id = _delivery(ledger)
        ledger.run(lambda tx: tx.outcomes.record([make_attempt(delivery_id=delivery_id)]))

        ledger.run(
            lambda tx: tx.index.queue(
                [Claim(id=delivery_id, claim_no=2), Claim(id=uuid7(), claim_no=1)]
            )
        )

        assert dict(index_queue()) == {}


def _queued(ledger: Ledger, limit: int = 100, after: int = 0) -> list[QueuedAttempt]:
    return list(ledger.read(lambda view: view.index.queued(after=after, limit=limit)))


def _all(ledger: Ledger) -> list[LoggedAttempt]:
    return list(ledger.read(lambda view: view.index.attempts(after=0, limit=100)))


def _attempts(ledger: Ledger, delivery_id: UUID, *outcomes: OutcomeKind) -> list[Claim]:
    made = [
        make_attempt(delivery_id=delivery_id, claim_no=number, outcome=outcome)
        for number, outcome in enumerate(outcomes, start=1)
    ]
    for one in made:
        ledger.run(lambda tx, one=one: tx.outcomes.record([one]))  # type: ignore[misc]
    return [Claim(id=delivery_id, claim_no=one.claim_no) for one in made]


def _made(ledger: Ledger, count: int) -> list[Claim]:
    """Make a delivery with so many attempts, all of them queued."""
    number = subscribe(ledger)
    (event_id,) = publish(ledger)
    (row,) = insert(ledger, evolve(waiting(subscription_id=number), event_id=event_id))
    claims = []
    for claim_no in range(1, count + 1):
        attempt = make_attempt(delivery_id=row, claim_no=claim_no)
        ledger.run(lambda tx, attempt=attempt: tx.outcomes.record([attempt]))  # type: ignore[misc]
        claims.append(Claim(id=row, claim_no=claim_no))
    ledger.run(lambda tx: tx.index.queue(claims))
    return claims


def _delivery(ledger: Ledger) -> UUID:
    """Make all the rows that a trace needs, and return the delivery's id."""
    subscription_id = subscribe(ledger)
    (event_id,) = publish(ledger)
    (delivery_id,) = insert(
        ledger, evolve(waiting(subscription_id=subscription_id), event_id=event_id)
    )
    return delivery_id

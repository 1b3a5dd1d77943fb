"""Workers: their signs of life, and the leases of those that have vanished."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    SECOND,
    LedgerFixtures,
    delivery_of,
    event_of,
    insert,
    leased,
    publish,
    waiting,
)


class Workers(LedgerFixtures):
    """`tx.workers` and `view.workers`."""

    def test_a_beat_makes_a_worker_and_keeps_it(self, ledger: Ledger, clock: ManualClock) -> None:
        worker = _worker(roles=(Role.TRIGGER, Role.RETRY))

        ledger.run(lambda tx: tx.workers.beat(worker))
        (first,) = ledger.read(lambda view: view.workers.all())
        clock.advance(5.0)
        ledger.run(lambda tx: tx.workers.beat(worker))
        (second,) = ledger.read(lambda view: view.workers.all())

        assert (first.id, first.host, first.pid) == (worker.id, worker.host, worker.pid)
        assert first.roles == (Role.TRIGGER, Role.RETRY)
        assert second.started_at == first.started_at
        assert second.beat_at >= first.beat_at + 5 * SECOND

    def test_a_beat_says_what_is_wrong_and_that_it_is_no_more(self, ledger: Ledger) -> None:
        worker = _worker()

        def told(trouble: str | None) -> str | None:
            ledger.run(lambda tx: tx.workers.beat(evolve(worker, trouble=trouble)))
            (found,) = ledger.read(lambda view: view.workers.all())
            return found.trouble

        assert told(None) is None
        assert told("the loop stands still ✗") == "the loop stands still ✗"
        long = told("x" * 10_000)
        assert long is not None
        assert long.startswith("xxx")
        assert told(None) is None

    def test_workers_are_listed_by_start(self, ledger: Ledger, clock: ManualClock) -> None:
        first, second = _worker(), _worker()

        ledger.run(lambda tx: tx.workers.beat(first))
        clock.advance(1.0)
        ledger.run(lambda tx: tx.workers.beat(second))

        listed = ledger.read(lambda view: view.workers.all())
        assert [one.id for one in listed] == [first.id, second.id]

    def test_remove_worker(self, ledger: Ledger) -> None:
        worker = _worker()
        ledger.run(lambda tx: tx.workers.beat(worker))

        ledger.run(lambda tx: tx.workers.remove(worker.id))
        ledger.run(lambda tx: tx.workers.remove(worker.id))

        assert list(ledger.read(lambda view: view.workers.all())) == []

    def test_silent_workers(self, ledger: Ledger, clock: ManualClock) -> None:
        silent, alive = _worker(), _worker()
        ledger.run(lambda tx: tx.workers.beat(silent))
        ledger.run(lambda tx: tx.workers.beat(alive))
        clock.advance(20.0)
        ledger.run(lambda tx: tx.workers.beat(alive))

        found = ledger.run(
            lambda tx: [one.id for one in tx.workers.silent(before=tx.now() - 15 * SECOND)]
        )

        assert found == [silent.id]

    def test_leases_of_silent_workers_become_due(self, ledger: Ledger) -> None:
        silent, alive = uuid7(), uuid7()
        delivery, foreign = insert(ledger, leased(silent, due=60.0), leased(alive, due=60.0))
        event_id, other = publish(ledger), publish(ledger)
        for one, owner in ((event_id, silent), (other, alive)):
            _resolve(ledger, one, owner)

        count = ledger.run(lambda tx: tx.workers.expire_leases([silent], limit=9))

        due = ledger.run(lambda tx: tx.deliveries.lock_due(limit=10, expired=True))
        events = ledger.run(lambda tx: tx.events.lock_due(before=tx.now(), limit=10))
        assert count == 2
        assert ledger.run(lambda tx: tx.workers.leasing([silent, alive])) == {alive}
        assert [one.id for one in due] == [delivery]
        assert [one.id for one in events] == event_id
        assert delivery_of(ledger, delivery).state is DeliveryState.LEASED
        assert event_of(ledger, event_id[0]).state is EventState.RESOLVING
        assert delivery_of(ledger, foreign).state is DeliveryState.LEASED

    def test_leases_expire_in_batches(self, ledger: Ledger) -> None:
        silent = uuid7()
        insert(ledger, *[leased(silent) for _ in range(3)])
        _resolve(ledger, publish(ledger), silent)

        def expire(tx: LedgerTransaction) -> tuple[int, set[UUID]]:
            count = tx.workers.expire_leases([silent], limit=2)
            return count, tx.workers.leasing([silent])

        found = [ledger.run(expire) for _ in range(3)]

        assert found == [(2, {silent}), (2, set()), (0, set())]

    def test_leases_that_are_locked_expire_later(self, ledger: Ledger) -> None:
        """One who is frozen may have locked them; where only one writes, there is no such thing."""
        silent = uuid7()
        locked, _ = sorted(insert(ledger, leased(silent), leased(silent)))

        def expire(tx: LedgerTransaction) -> tuple[int, set[UUID]]:
            count = tx.workers.expire_leases([silent], limit=9)
            return count, tx.workers.leasing([silent])

        def hold(tx: LedgerTransaction) -> tuple[int, set[UUID]]:
            tx.deliveries.lock_one(locked)
            return ledger.run(expire)

        if self.concurrent:
            assert ledger.run(hold) == (1, {silent})
            assert ledger.run(expire) == (1, set())
        else:
            assert ledger.run(expire) == (2, set())

    def test_only_running_leases_expire(self, ledger: Ledger) -> None:
        owner = uuid7()
        over, later = insert(ledger, leased(owner, due=-10.0), evolve(waiting(60.0), owner=owner))
        before = [delivery_of(ledger, one) for one in (over, later)]

        assert ledger.run(lambda tx: tx.workers.expire_leases([owner], limit=9)) == 0
        assert [delivery_of(ledger, one) for one in (over, later)] == before


def _worker(roles: tuple[Role, ...] = (Role.TRIGGER,)) -> WorkerRow:
    return WorkerRow(id=uuid7(), host="host", pid=42, roles=roles, started_at=0, beat_at=0)


def _resolve(ledger: Ledger, ids: Sequence[UUID], owner: UUID) -> None:
    ledger.run(
        lambda tx: tx.events.start_resolving(
            ids, owner=owner, due_at=tx.now() + 60 * SECOND, abandoned=False
        )
    )

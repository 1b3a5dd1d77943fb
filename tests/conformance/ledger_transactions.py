"""Transactions: atomic, apart from each other, joined to the caller's, safe among threads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import sqlalchemy as sa

from asyncevents_core.adapters.sqlalchemy import SqlLedger, migrating
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.errors import ForeignTransaction, LedgerError, LedgerUnavailable
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.testing.builders import make_attempt, make_event, make_subscription
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    SECOND,
    LedgerFixtures,
    event_of,
    insert,
    leased,
    now,
    publish,
    set_status,
    subscribe,
    waiting,
)

PATIENCE = 30.0
"""Seconds after which a test gives up on another thread."""
GLANCE = 0.2
"""Seconds for which a test looks whether another thread waits as it must."""
_IN_2020 = 1_577_836_800 * SECOND
_IN_2100 = 4_102_444_800 * SECOND


class OnPurpose(Exception):
    """Raised by tests within a transaction."""


class Transactions(LedgerFixtures):
    """`run`, `read` and the life of a ledger."""

    def test_run_and_read_return_what_the_function_returns(self, ledger: Ledger) -> None:
        assert ledger.run(lambda tx: "written") == "written"
        assert ledger.read(lambda view: "read") == "read"

    def test_an_exception_rolls_everything_back(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        event = make_event(external_id="e")
        (delivery_id,) = insert(ledger, waiting())
        before = ledger.read(lambda view: view.backlog())
        epoch = ledger.run(lambda tx: tx.subscriptions.epoch())

        def work(tx: LedgerTransaction) -> None:
            tx.events.insert([event], due_in=0.0)
            tx.subscriptions.insert(make_subscription())
            tx.subscriptions.set_status([number], SubscriptionStatus.DISABLED)
            tx.deliveries.move([delivery_id], state=DeliveryState.DEAD, due_at=None)
            tx.outcomes.record([make_attempt(delivery_id=delivery_id)])
            raise OnPurpose

        with pytest.raises(OnPurpose):
            ledger.run(work)

        assert ledger.read(lambda view: view.events.get(event.id)) is None
        assert ledger.run(lambda tx: dict(tx.events.find(["e"]))) == {}
        assert ledger.run(lambda tx: tx.subscriptions.epoch()) == epoch
        assert ledger.run(lambda tx: tx.subscriptions.status(number)) is SubscriptionStatus.ENABLED
        assert len(ledger.run(lambda tx: tx.subscriptions.all())) == 1
        assert ledger.read(lambda view: view.backlog()) == before
        logs = ledger.read(lambda view: view.log.page(LogFilter(), limit=10, before=None))
        assert list(logs) == []

    def test_a_transaction_sees_what_it_wrote(self, ledger: Ledger) -> None:
        event = make_event(external_id="e")

        def work(tx: LedgerTransaction) -> tuple[list[UUID], list[str]]:
            tx.events.insert([event], due_in=0.0)
            return [one.id for one in tx.events.lock([event.id])], list(tx.events.find(["e"]))

        assert ledger.run(work) == ([event.id], ["e"])

    def test_an_exception_in_a_read_passes_through(self, ledger: Ledger) -> None:
        def query(_: object) -> None:
            raise OnPurpose

        with pytest.raises(OnPurpose):
            ledger.read(query)
        assert ledger.run(lambda tx: True) is True

    def test_time_stands_still_in_a_transaction(self, ledger: Ledger, clock: ManualClock) -> None:
        def work(tx: LedgerTransaction) -> tuple[int, int]:
            before = tx.now()
            clock.advance(1.0)
            tx.subscriptions.insert(make_subscription())
            return before, tx.now()

        before, after = ledger.run(work)

        assert before == after
        assert _IN_2020 < before < _IN_2100
        assert now(ledger) >= before + SECOND

    def test_time_goes_on_between_transactions(self, ledger: Ledger, clock: ManualClock) -> None:
        before = ledger.run(lambda tx: tx.now())
        clock.advance(100.0)

        assert ledger.run(lambda tx: tx.now()) >= before + 100 * SECOND

    @pytest.mark.parametrize("count", [1, 700])
    def test_publish_commits_all_of_them(self, ledger: Ledger, count: int) -> None:
        new = [make_event(name=f"n{number}") for number in range(count)]

        ledger.publish(new, due_in=10.0)
        ledger.publish(new[:2], due_in=0.0)

        found = ledger.read(lambda view: view.events.page(name=None, limit=1000, before=None))
        assert {one.id: one.name for one in found} == {one.id: one.name for one in new}
        waits = [(one.due_at or 0) - one.created_at for one in found]
        assert all(9 * SECOND < wait < 11 * SECOND for wait in waits)

    def test_publish_is_all_or_nothing(self, ledger: Ledger) -> None:
        too_long = make_event(name="n" * 100_000)
        with contextlib.suppress(Exception):
            ledger.publish([make_event(), too_long, make_event()], due_in=10.0)

        found = ledger.read(lambda view: view.events.page(name=None, limit=10, before=None))
        assert len(found) in {0, 3}  # SQLite takes it

    def test_upgrade_may_be_repeated(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger)

        assert ledger.upgrade() == ledger.upgrade()
        assert all(isinstance(warning, str) for warning in ledger.check())
        assert event_of(ledger, event_id).id == event_id

    def test_a_closed_ledger_opens_again(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger)

        ledger.close()
        ledger.close()

        assert event_of(ledger, event_id).id == event_id

    def test_it_is_described_without_a_password(self, ledger: Ledger, url: str) -> None:
        address = sa.make_url(url)
        found = ledger.describe()
        assert found.startswith(f"{address.get_backend_name()}")
        assert str(address.database) in found
        assert found.endswith(f", schema {migrating.REVISION}")
        assert f":{address.password}@" not in found

    def test_a_value_that_is_refused_is_no_outage(self, ledger: SqlLedger, tables: str) -> None:
        nobody = sa.text(f"UPDATE {tables}subscription SET target = NULL")
        subscribe(ledger)
        with pytest.raises(LedgerError, match="refuses what is to be written") as refused:
            ledger.run(lambda tx: tx._sql.execute(nobody))
        assert not isinstance(refused.value, LedgerUnavailable)

    # -- several threads --------------------------------------------------------------------

    def test_many_threads(self, ledger: Ledger) -> None:
        with ThreadPoolExecutor(6) as pool:
            batches = list(pool.map(lambda _: publish(ledger, make_event()), range(60)))

        assert ledger.read(lambda view: view.backlog()).events_open == 60
        assert len({one for (one,) in batches}) == 60

    def test_two_workers_never_take_the_same_delivery(self, ledger: Ledger) -> None:
        ids = insert(ledger, *[waiting(-1.0) for _ in range(60)])

        taken: list[UUID] = []
        until = time.monotonic() + PATIENCE

        def take(tx: LedgerTransaction) -> list[UUID]:
            found = [one.id for one in tx.deliveries.lock_due(limit=10, expired=False)]
            tx.deliveries.move(found, state=DeliveryState.LEASED, due_at=tx.now() + SECOND)
            return found

        def work(_: int) -> None:
            # One that sorts may lock more than it takes: the others find nothing meanwhile.
            while len(taken) < len(ids) and time.monotonic() < until:
                taken.extend(ledger.run(take))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))

        assert sorted(taken) == sorted(ids)

    def test_locked_rows_are_passed_over(self, ledger: Ledger) -> None:
        """Where only one transaction writes at a time, the other one finds them taken."""
        first, second = sorted(insert(ledger, waiting(-2.0), waiting(-1.0)))
        owner = uuid7()
        (expired,) = insert(ledger, leased(owner, due=-1.0))
        event_id, parked = publish(ledger, make_event(), make_event())
        ledger.run(lambda tx: tx.events.put_back([parked], due_at=tx.now(), parked="a"))
        locked, looked = threading.Event(), threading.Event()

        def hold(tx: LedgerTransaction) -> None:
            tx.deliveries.lock_due(limit=10, expired=False)
            tx.events.lock([event_id])
            tx.events.lock_parked("a", limit=10)
            tx.deliveries.lock_expired(owner, limit=10)
            tx.deliveries.move([first, second, expired], state=DeliveryState.HELD, due_at=None)
            tx.events.mark_fanned_out([event_id, parked])
            locked.set()
            assert looked.wait(PATIENCE if self.concurrent else GLANCE) is self.concurrent

        def look(tx: LedgerTransaction) -> list[object]:
            found: list[object] = list(tx.deliveries.lock_due(limit=10, expired=True))
            found += tx.events.lock([event_id])
            found += tx.events.lock_due(before=tx.now(), limit=10)
            found += tx.events.lock_parked("a", limit=10)
            found += tx.deliveries.lock_expired(owner, limit=10)
            return found

        def other() -> list[object]:
            assert locked.wait(PATIENCE)
            found = ledger.run(look)
            looked.set()
            return found

        with ThreadPoolExecutor(2) as pool:
            holding, looking = pool.submit(ledger.run, hold), pool.submit(other)
            holding.result(PATIENCE)
            assert looking.result(PATIENCE) == []

    def test_outcomes_pass_over_what_others_have_locked(self, ledger: Ledger) -> None:
        owner, gone = uuid7(), uuid7()
        held, free = insert(ledger, leased(owner), leased(owner))
        locked, looked = threading.Event(), threading.Event()

        def hold(tx: LedgerTransaction) -> None:
            assert tx.outcomes.lock([held]) == {held}
            locked.set()
            assert looked.wait(PATIENCE if self.concurrent else GLANCE) is self.concurrent

        def other() -> set[UUID]:
            assert locked.wait(PATIENCE)
            found = ledger.run(lambda tx: tx.outcomes.lock([held, free, gone]))
            looked.set()
            return found

        with ThreadPoolExecutor(2) as pool:
            holding, looking = pool.submit(ledger.run, hold), pool.submit(other)
            holding.result(PATIENCE)
            # Where only one transaction writes at a time, nothing is locked any more.
            found = looking.result(PATIENCE)
        assert found == ({free, gone} if self.concurrent else {held, free, gone})
        assert ledger.run(lambda tx: tx.outcomes.lock([])) == set()

    def test_still_disabled_keeps_it_disabled(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        set_status(ledger, number, SubscriptionStatus.DISABLED)
        checked, enabled = threading.Event(), threading.Event()

        def hold(tx: LedgerTransaction) -> bool:
            assert tx.subscriptions.still_disabled([number]) == {number}
            checked.set()
            return enabled.wait(GLANCE)

        def enable() -> None:
            assert checked.wait(PATIENCE)
            set_status(ledger, number, SubscriptionStatus.ENABLED)
            enabled.set()

        with ThreadPoolExecutor(2) as pool:
            holding, enabling = pool.submit(ledger.run, hold), pool.submit(enable)
            assert holding.result(PATIENCE) is False
            enabling.result(PATIENCE)

        assert ledger.run(lambda tx: tx.subscriptions.still_disabled([number])) == set()


class JoinedTransactions(LedgerFixtures):
    """The caller's own transaction: the outbox."""

    @pytest.fixture
    def transaction(self, ledger: Ledger, engine: sa.Engine) -> Iterator[sa.Connection]:
        """A connection of the application's own, on which nothing has been committed."""
        with engine.connect() as connection:
            yield connection

    def test_committed_it_is_published(self, ledger: Ledger, transaction: sa.Connection) -> None:
        event, calls = make_event(external_id="e"), list[str]()
        joined = ledger.join(transaction)
        assert joined.on_commit(lambda: calls.append("committed"))
        joined.events.insert([event], due_in=10.0)

        assert ledger.read(lambda view: view.events.get(event.id)) is None
        assert calls == []
        transaction.commit()

        assert event_of(ledger, event.id).external_id == "e"
        due_at = event_of(ledger, event.id).due_at
        assert due_at is not None
        assert due_at > now(ledger)
        assert calls == ["committed"]

    def test_rolled_back_it_never_happened(
        self, ledger: Ledger, transaction: sa.Connection
    ) -> None:
        event, calls = make_event(), list[str]()
        joined = ledger.join(transaction)
        joined.on_commit(lambda: calls.append("committed"))
        joined.events.insert([event], due_in=10.0)

        transaction.rollback()

        assert ledger.read(lambda view: view.events.get(event.id)) is None
        assert calls == []

    def test_a_released_savepoint_is_no_commit(
        self, ledger: Ledger, transaction: sa.Connection
    ) -> None:
        event, calls = make_event(), list[str]()
        with transaction.begin_nested():
            joined = ledger.join(transaction)
            assert joined.on_commit(lambda: calls.append("committed"))
            joined.events.insert([event], due_in=10.0)

        assert calls == []
        transaction.commit()

        assert event_of(ledger, event.id).id == event.id
        assert calls == ["committed"]

    def test_a_released_savepoint_in_a_rollback(
        self, ledger: Ledger, transaction: sa.Connection
    ) -> None:
        event, calls = make_event(), list[str]()
        with transaction.begin_nested():
            joined = ledger.join(transaction)
            joined.on_commit(lambda: calls.append("committed"))
            joined.events.insert([event], due_in=10.0)

        transaction.rollback()

        assert ledger.read(lambda view: view.events.get(event.id)) is None
        assert calls == []

    def test_a_savepoint_rolled_back(self, ledger: Ledger, transaction: sa.Connection) -> None:
        kept, dropped = make_event(), make_event()
        ledger.join(transaction).events.insert([kept], due_in=10.0)
        with contextlib.suppress(OnPurpose), transaction.begin_nested():
            ledger.join(transaction).events.insert([dropped], due_in=10.0)
            raise OnPurpose

        transaction.commit()

        assert event_of(ledger, kept.id).id == kept.id
        assert ledger.read(lambda view: view.events.get(dropped.id)) is None

    def test_it_finds_what_is_committed_and_its_own(
        self, ledger: Ledger, transaction: sa.Connection
    ) -> None:
        committed, own = make_event(external_id="committed"), make_event(external_id="own")
        again = make_event(external_id="committed")
        publish(ledger, committed)
        joined = ledger.join(transaction)

        joined.events.insert([own, again], due_in=10.0)
        found = dict(joined.events.find(["committed", "own", "nothing"]))
        transaction.commit()

        assert found == {
            "committed": (committed.id, committed.digest),
            "own": (own.id, own.digest),
        }
        assert ledger.read(lambda view: view.events.get(again.id)) is None

    def test_anything_else_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(ForeignTransaction):
            ledger.join(object())

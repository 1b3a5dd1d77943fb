"""The ledger passes one suite on every database."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import sqlalchemy as sa

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.adapters.sqlalchemy.schema import ATTEMPTS_BY_START, metadata
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.engine.delivering.recovery import SILENT_AFTER, reap_workers, release_held
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction, LedgerView
from asyncevents_core.ports.ledger.subscriptions import KeyAge
from asyncevents_core.testing.builders import (
    make_attempt,
    make_delivery,
    make_event,
    make_subscription,
)
from tests.clock import ManualClock
from tests.conformance.ledger import LedgerConformance
from tests.conformance.ledger_base import (
    DAY,
    SECOND,
    insert,
    leased,
    publish,
    set_status,
    subscribe,
)
from tests.conformance.ledger_secrets import NEW, OLD, ages
from tests.ledgers import put_ledger

if TYPE_CHECKING:
    from tests.services.databases import Database


def sent(
    ledger: SqlLedger, work: Callable[[LedgerTransaction], object]
) -> list[tuple[str, tuple[object, ...]]]:
    """Run a transaction and return the statements that it sent, each with its parameters."""
    return statements_of(ledger, lambda: ledger.run(work))


def statements_of(
    ledger: SqlLedger, call: Callable[[], object]
) -> list[tuple[str, tuple[object, ...]]]:
    """Return the statements that a call sends, each with its parameters."""
    seen: list[tuple[str, tuple[object, ...]]] = []

    def see(*arguments: Any) -> None:
        seen.append((arguments[2], arguments[3]))

    sa.event.listen(ledger._engine, "before_cursor_execute", see)
    call()
    sa.event.remove(ledger._engine, "before_cursor_execute", see)
    return seen


def wiped(server: Database) -> str:
    server.wipe()
    return server.database


class ServerLedgerConformance(LedgerConformance):
    """A database in which two transactions write at the same time."""

    concurrent = True

    def test_held_ones_that_another_sweep_locked_are_released_later(self, ledger: Ledger) -> None:
        """The other one rolls back."""
        number = subscribe(ledger)
        set_status(ledger, number, SubscriptionStatus.DISABLED)
        held = make_delivery(subscription_id=number, state=DeliveryState.HELD, due_at=None)
        ledger.run(lambda tx: tx.deliveries.insert([held]))
        set_status(ledger, number, SubscriptionStatus.ENABLED)

        def work(tx: LedgerTransaction) -> None:
            tx.deliveries.lock_held(number, limit=10)
            assert ledger.run(release_held) == 0
            raise KeyError

        with pytest.raises(KeyError):
            ledger.run(work)

        assert ledger.run(release_held) == 1
        assert ledger.run(release_held) == 0
        assert ledger.run(lambda tx: list(tx.subscriptions.holding())) == []

    def test_a_silent_worker_stays_until_its_locked_leases_are_due(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        """It may be frozen in a transaction that has locked some of them."""
        silent = WorkerRow(id=uuid7(), host="h", pid=1, roles=(), started_at=0, beat_at=0)
        ledger.run(lambda tx: tx.workers.beat(silent))
        locked, _ = insert(ledger, leased(silent.id), leased(silent.id))
        clock.advance(SILENT_AFTER + 1.0)

        def reap() -> tuple[int, int]:
            done = ledger.run(lambda tx: reap_workers(tx, me=uuid7()))
            return done.leases, len(ledger.read(lambda view: view.workers.all()))

        def freeze(tx: LedgerTransaction) -> None:
            tx.deliveries.lock_one(locked)
            assert reap() == (1, 1)
            raise KeyError

        with pytest.raises(KeyError):
            ledger.run(freeze)

        assert reap() == (1, 0)

    def test_a_change_that_is_made_meanwhile_wins(self, keyed: Callable[..., SqlLedger]) -> None:
        before = keyed(OLD)
        number = subscribe(before, make_subscription(secret="s3cret"))

        class Interrupted(Cipher):
            def renew(self, token: str) -> str:
                changed = make_subscription(secret="changed")
                before.run(lambda tx: tx.subscriptions.update(number, changed))
                return super().renew(token)

        racing = keyed(NEW, OLD, kind=Interrupted)

        assert racing.run(lambda tx: tx.subscriptions.renew_secrets([number])) == set()

        found = racing.read(lambda view: view.subscriptions.get(number))
        assert found is not None
        assert found.secret == "changed"
        assert ages(racing) == {number: KeyAge.OLDER}


class PlannedLedger(LedgerConformance):
    """What a database does to find rows, which it says in words of its own."""

    explain: ClassVar[str]
    analyze: ClassVar[str]
    by_id: ClassVar[str]
    """What it says where it finds events by their ids."""

    def test_events_of_hand_offs_are_found_by_their_ids(
        self, ledger: SqlLedger, engine: sa.Engine
    ) -> None:
        """Not by a look at all that are open, which seem to be few, and may be many."""
        ended = publish(ledger, *(make_event() for _ in range(2_000)))
        ledger.run(lambda tx: tx.events.mark_fanned_out(ended))
        with engine.begin() as connection:
            connection.exec_driver_sql(self.analyze)
        ids = publish(ledger, *(make_event() for _ in range(50)))

        seen = sent(ledger, lambda tx: tx.events.lock(ids))

        ((statement, parameters),) = [one for one in seen if "asyncevents_event" in one[0]]
        assert self._events_are_found_by_id(engine, statement, parameters)

    def _events_are_found_by_id(
        self, engine: sa.Engine, statement: str, parameters: tuple[object, ...]
    ) -> bool:
        with engine.connect() as connection:
            plan = connection.exec_driver_sql(f"{self.explain} {statement}", parameters)
            found = "\n".join(str(row) for row in plan)
        return self.by_id in found and "event_due" not in found


class TestSqliteLedger(PlannedLedger):
    explain = "EXPLAIN QUERY PLAN"
    analyze = "ANALYZE"
    by_id = "sqlite_autoindex_asyncevents_event_1"

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        put_ledger(tmp_path)
        return f"sqlite:///{tmp_path}/ledger.db"

    def test_the_clean_up_goes_by_ids(
        self, ledger: SqlLedger, engine: sa.Engine, clock: ManualClock
    ) -> None:
        """Not by a look at all that have ended, in each step again.

        Without ANALYZE, which nobody runs on SQLite.
        """
        ended = publish(ledger)
        ledger.run(lambda tx: tx.events.mark_fanned_out(ended))
        clock.advance(31 * DAY)

        seen = sent(
            ledger,
            lambda tx: tx.tasks.delete_old(
                before=tx.now() - round(30 * DAY * SECOND), after=None, limit=1000, indexed=False
            ),
        )

        statement, parameters = next(
            one for one in seen if one[0].startswith("SELECT asyncevents_event.id")
        )
        assert self._events_are_found_by_id(engine, statement, parameters)


class TestPostgreSqlLedger(ServerLedgerConformance, PlannedLedger):
    explain = "EXPLAIN"
    analyze = "ANALYZE asyncevents_event"
    by_id = "asyncevents_event_pkey"

    @pytest.fixture
    def url(self, start_server: Callable[[str], Database]) -> str:
        return wiped(start_server("PostgreSql"))

    def test_what_is_due_is_found_in_an_index_however_often_it_is_asked_for(
        self, ledger: SqlLedger, engine: sa.Engine
    ) -> None:
        """A plan for any value of its parameters could not use the indexes, which are partial."""
        number = subscribe(ledger)
        over = [
            make_delivery(subscription_id=number, state=DeliveryState.DELIVERED, due_at=None)
            for _ in range(2_000)
        ]
        due = make_delivery(subscription_id=number, due_at=1)
        ledger.run(lambda tx: tx.deliveries.insert([*over, due]))
        ended = publish(ledger, *(make_event() for _ in range(2_000)))
        ledger.run(lambda tx: tx.events.mark_fanned_out(ended))
        publish(ledger)
        for one in ledger._engines:
            # Sessions that have asked while tables were empty keep what they thought of then, until
            # PostgreSQL looks at the tables.
            one.dispose()

        def kept(tx: LedgerTransaction) -> Sequence[sa.Row[Any]]:
            assert len(tx.deliveries.lock_due(limit=500, expired=False)) == 1
            assert len(tx.events.lock_due(before=tx.now() + SECOND, limit=500)) == 1
            connection = tx._sql.connection  # type: ignore[attr-defined]
            return connection.exec_driver_sql(
                "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements"
                " WHERE statement LIKE 'SELECT asyncevents_%%due_at%%SKIP LOCKED'"
            ).all()

        for _ in range(20):
            plans = ledger.run(kept)

        assert len(plans) >= 2
        for statement, generic, custom in plans:
            assert (generic, custom > 5) == (0, True), statement
        for statement, parameters in sent(ledger, kept):
            if "SKIP LOCKED" in statement and "LIKE" not in statement:
                with engine.connect() as connection:
                    # As sessions of the ledger have it; what the planner knows of the tables, a
                    # process of the server may have learnt by now, or not.
                    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
                    plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
                    found = "\n".join(str(row) for row in plan)
                assert "ix_asyncevents" in found, found
                assert "Seq Scan" not in found, found


class TestPostgreSqlLedgerInSchema(ServerLedgerConformance):
    """Without a schema there are no tables: each statement has to name it."""

    @pytest.fixture
    def schema(self) -> str:
        return "Shop-events"

    @pytest.fixture
    def url(self, start_server: Callable[[str], Database], schema: str) -> str:
        server = start_server("PostgreSql")
        database = _of_schemas(server, schema)
        server.wipe_one(database, schema=schema)
        return database

    def test_nothing_is_made_elsewhere(
        self, ledger: SqlLedger, engine: sa.Engine, schema: str
    ) -> None:
        found = sa.inspect(engine)
        assert found.get_table_names() == []
        assert len(found.get_table_names(schema=schema)) == len(metadata.tables) + 1


@functools.cache
def _of_schemas(server: Database, schema: str) -> str:
    url = server.new_database()
    ledger = SqlLedger(url, cipher=Cipher([]), schema=schema)
    ledger.upgrade()
    ledger.close()
    return url


class TestMariaDbLedger(ServerLedgerConformance):
    @pytest.fixture
    def url(self, start_server: Callable[[str], Database]) -> str:
        # PyMySQL would read all certificates that the system trusts, for each connection.
        url = sa.make_url(wiped(start_server("MariaDb")))
        return url.update_query_dict({"ssl_disabled": "true"}).render_as_string(False)

    @pytest.mark.parametrize(
        "read",
        [
            lambda view: view.log.page(LogFilter(), limit=2, before=None),
            lambda view: view.log.page(LogFilter(delivered=False), limit=2, before=None),
            lambda view: view.statistics.subscriptions_lately(most=2),
            lambda view: view.statistics.minutes(since=0, until=1_000_000_000, most=2),
        ],
        ids=["the log", "what failed", "subscriptions", "minutes"],
    )
    def test_attempts_are_read_by_their_start_first_of_all(
        self, ledger: SqlLedger, engine: sa.Engine, read: Callable[[LedgerView], object]
    ) -> None:
        """It would rather begin with a small table, or sort all of a large one."""
        number = subscribe(ledger)
        (event_id,) = publish(ledger)
        rows = [
            make_delivery(event_id=event_id, subscription_id=number, replay_request=uuid7())
            for _ in range(20)
        ]
        attempts = [
            make_attempt(delivery_id=one.id, started_at=place, outcome=OutcomeKind.RETRYABLE)
            for place, one in enumerate(rows)
        ]
        ledger.run(lambda tx: tx.deliveries.insert(rows))
        ledger.run(lambda tx: tx.outcomes.record(attempts))

        seen = statements_of(ledger, lambda: ledger.read(read))

        ((statement, parameters),) = [one for one in seen if "asyncevents_attempt" in one[0]]
        with engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings().all()
        first = plan[-1]
        assert (first["select_type"], first["table"]) == ("DERIVED", "asyncevents_attempt")
        assert first["key"] == ATTEMPTS_BY_START

    def test_what_is_due_and_what_is_parked_is_found_in_an_index(
        self, ledger: SqlLedger, engine: sa.Engine
    ) -> None:
        number = subscribe(ledger)
        parked = [
            make_delivery(subscription_id=number, parked=True, due_at=1) for _ in range(2_000)
        ]
        due = make_delivery(subscription_id=number, due_at=1)
        ledger.run(lambda tx: tx.deliveries.insert([*parked, due]))
        with engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE TABLE asyncevents_delivery")

        def work(tx: LedgerTransaction) -> None:
            assert len(tx.deliveries.lock_due(limit=500, expired=False)) == 1
            assert list(tx.deliveries.parked_subscriptions(limit=500)) == [number]

        for statement, parameters in sent(ledger, work):
            if "asyncevents_delivery" in statement:
                with engine.connect() as connection:
                    plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
                    step = plan.mappings().all()[-1]
                assert step["type"] in {"range", "ref"}, step
                if "due_at" in statement:
                    assert int(step["rows"]) < 10, step
                else:
                    assert step["select_type"] == "DEPENDENT SUBQUERY", step

    def test_its_clock_goes_on_where_local_time_is_put_back(
        self, ledger: SqlLedger, start_server: Callable[[str], Database]
    ) -> None:
        """Where summer time ends, 1,792,890,000 s after 1970, an hour comes twice."""
        zone = [
            "DELETE FROM mysql.time_zone_name WHERE Name = 'Some/Where'",
            "INSERT INTO mysql.time_zone (Use_leap_seconds) VALUES ('N')",
            "SET @zone = LAST_INSERT_ID()",
            "INSERT INTO mysql.time_zone_name VALUES ('Some/Where', @zone)",
            "INSERT INTO mysql.time_zone_transition_type VALUES"
            " (@zone, 0, 7200, 1, 'SUMMER'), (@zone, 1, 3600, 0, 'WINTER')",
            "INSERT INTO mysql.time_zone_transition VALUES"
            " (@zone, 1774746000, 0), (@zone, 1792890000, 1)",
        ]
        admin = sa.create_engine(start_server("MariaDb").admin_url)
        clock = sa.select(ledger._dialect.now())
        with admin.connect() as connection:
            for statement in [*zone, "SET time_zone = 'Some/Where'"]:
                connection.exec_driver_sql(statement)
            for seconds in range(1_792_890_000 - 5_400, 1_792_890_000 + 5_400, 900):
                connection.exec_driver_sql(f"SET timestamp = {seconds}.000125")
                assert connection.execute(clock).scalar() == seconds * 1_000_000 + 125
        admin.dispose()

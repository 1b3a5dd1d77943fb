"""Every ledger passes one suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger, migrating
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.delivering.recovery import release_held
from asyncevents_core.errors import LedgerError, LedgerUnavailable
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.secrets import KeyAge
from asyncevents_core.testing import ManualClock, MemoryLedger
from asyncevents_core.testing.builders import make_delivery, make_subscription
from asyncevents_core.testing.conformance import LedgerConformance
from asyncevents_core.testing.conformance.ledger import CallersTransaction
from asyncevents_core.testing.conformance.ledger_base import set_status, subscribe

if TYPE_CHECKING:
    from tests.services.servers import Database

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def ages(ledger: Ledger) -> dict[int, KeyAge]:
    kept = ledger.read(lambda queries: queries.kept_secrets(after=0, limit=100))
    return {one.subscription_id: one.key for one in kept}


def sent(
    ledger: SqlLedger, work: Callable[[LedgerTransaction], object]
) -> list[tuple[str, tuple[object, ...]]]:
    """Run a transaction and return the statements that it sent, each with its parameters."""
    seen: list[tuple[str, tuple[object, ...]]] = []

    def see(*arguments: Any) -> None:
        seen.append((arguments[2], arguments[3]))

    sa.event.listen(ledger._engine, "before_cursor_execute", see)
    ledger.run(work)
    sa.event.remove(ledger._engine, "before_cursor_execute", see)
    return seen


def wiped(server: Database) -> str:
    server.wipe()
    return server.database


class TestMemoryLedger(LedgerConformance):
    @pytest.fixture
    def ledger(self, clock: ManualClock) -> MemoryLedger:
        return MemoryLedger(clock=clock)

    @pytest.fixture
    def begin(self, ledger: MemoryLedger) -> Callable[[], CallersTransaction]:
        class Transaction:
            def __init__(self) -> None:
                self.handle = self._own = ledger.begin()

            def savepoint(self) -> AbstractContextManager[object]:
                return self._own.savepoint()

            def commit(self) -> None:
                self._own.commit()

            def rollback(self) -> None:
                self._own.rollback()

        return Transaction

    @pytest.fixture
    def index_queue(self, ledger: MemoryLedger) -> Callable[[], Mapping[int, int]]:
        return ledger.index_queue


class SqlLedgerConformance(LedgerConformance):
    """Override the fixture `url`: an empty database."""

    @pytest.fixture
    def ledger(self, url: str, clock: ManualClock) -> Iterator[Ledger]:
        cipher = Cipher([Fernet.generate_key().decode()])
        ledger = SqlLedger(url, cipher=cipher, clock_offset=clock.offset)
        ledger.upgrade()
        yield ledger
        ledger.close()

    @pytest.fixture
    def engine(self, url: str) -> Iterator[sa.Engine]:
        engine = sa.create_engine(url)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
            sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        yield engine
        engine.dispose()

    @pytest.fixture
    def begin(
        self, ledger: Ledger, engine: sa.Engine
    ) -> Iterator[Callable[[], CallersTransaction]]:
        opened: list[sa.Connection] = []

        class Transaction:
            def __init__(self) -> None:
                self.handle = self._own = engine.connect()
                opened.append(self._own)

            def savepoint(self) -> AbstractContextManager[object]:
                return self._own.begin_nested()

            def commit(self) -> None:
                self._own.commit()

            def rollback(self) -> None:
                self._own.rollback()

        yield Transaction
        for connection in opened:
            connection.close()

    @pytest.fixture
    def index_queue(self, ledger: Ledger, engine: sa.Engine) -> Callable[[], Mapping[int, int]]:
        def read() -> Mapping[int, int]:
            with engine.connect() as connection:
                found = connection.exec_driver_sql(
                    "SELECT attempt_id, version FROM asyncevents_index_queue"
                )
                return {row.attempt_id: row.version for row in found}

        return read

    # -- keys that rotate -------------------------------------------------------------------

    @pytest.fixture
    def keyed(self, ledger: Ledger, url: str) -> Iterator[Callable[..., SqlLedger]]:
        """Open the same database with other SECRET_KEYS, or another cipher."""
        opened: list[SqlLedger] = []

        def open_it(*keys: str, kind: type[Cipher] = Cipher) -> SqlLedger:
            opened.append(SqlLedger(url, cipher=kind(keys)))
            return opened[-1]

        yield open_it
        for one in opened:
            one.close()

    def test_what_older_keys_encrypted_is_renewed(self, keyed: Callable[..., SqlLedger]) -> None:
        before, after = keyed(OLD), keyed(NEW, OLD)
        signed = subscribe(before, make_subscription(secret="s3cret", options={"key": 1}))
        deleted = subscribe(before, make_subscription(secret="s3cret"))
        set_status(before, deleted, SubscriptionStatus.DELETED)
        lost = subscribe(keyed(OTHER), make_subscription(secret="s3cret"))
        new = subscribe(after, make_subscription(secret="s3cret"))
        epoch = after.run(lambda tx: tx.epoch())
        assert ages(after) == {
            signed: KeyAge.OLDER,
            deleted: KeyAge.OLDER,
            lost: KeyAge.MISSING,
            new: KeyAge.NEWEST,
        }

        renewed = after.run(lambda tx: tx.renew_secrets([signed, deleted, lost, new]))

        assert renewed == {signed, deleted}
        assert set(ages(keyed(NEW)).values()) == {KeyAge.NEWEST, KeyAge.MISSING}
        assert keyed(OTHER).read(lambda queries: queries.subscription(lost)) is not None
        found = keyed(NEW).read(lambda queries: queries.subscription(signed))
        assert found is not None
        assert (found.secret, found.options) == ("s3cret", {"key": 1})
        assert after.run(lambda tx: tx.epoch()) == epoch

    def test_one_that_no_key_decrypts_in_part_is_missing(
        self, keyed: Callable[..., SqlLedger], engine: sa.Engine
    ) -> None:
        number = subscribe(keyed(OLD), make_subscription(secret="s3cret", options={"key": 1}))
        lost = sa.text("UPDATE asyncevents_subscription SET options = :token")
        with engine.begin() as connection:
            connection.execute(lost, {"token": Cipher([OTHER]).encrypt("{}")})

        assert ages(keyed(NEW, OLD)) == {number: KeyAge.MISSING}
        assert keyed(NEW, OLD).run(lambda tx: tx.renew_secrets([number])) == set()

    def test_it_is_described_without_a_password(self, ledger: Ledger, url: str) -> None:
        address = sa.make_url(url)
        found = ledger.describe()
        assert found.startswith(f"{address.get_backend_name()}")
        assert str(address.database) in found
        assert found.endswith(f", schema {migrating.REVISION}")
        assert f":{address.password}@" not in found

    def test_a_value_that_is_refused_is_no_outage(self, ledger: SqlLedger) -> None:
        nobody = sa.text("UPDATE asyncevents_subscription SET target = NULL")
        subscribe(ledger)
        with pytest.raises(LedgerError, match="refuses what is to be written") as refused:
            ledger.run(lambda tx: tx._connection.execute(nobody))
        assert not isinstance(refused.value, LedgerUnavailable)


class ServerLedgerConformance(SqlLedgerConformance):
    """A database in which two transactions write at the same time."""

    concurrent = True

    def test_held_ones_that_another_sweep_locked_are_released_later(self, ledger: Ledger) -> None:
        """The other one rolls back."""
        number = subscribe(ledger)
        set_status(ledger, number, SubscriptionStatus.DISABLED)
        held = make_delivery(subscription_id=number, state=DeliveryState.HELD, due_at=None)
        ledger.run(lambda tx: tx.insert_deliveries([held]))
        set_status(ledger, number, SubscriptionStatus.ENABLED)

        def work(tx: LedgerTransaction) -> None:
            tx.lock_held(number, limit=10)
            assert ledger.run(release_held) == 0
            raise KeyError

        with pytest.raises(KeyError):
            ledger.run(work)

        assert ledger.run(release_held) == 1
        assert ledger.run(release_held) == 0
        assert ledger.run(lambda tx: list(tx.holding())) == []

    def test_a_change_that_is_made_meanwhile_wins(self, keyed: Callable[..., SqlLedger]) -> None:
        before = keyed(OLD)
        number = subscribe(before, make_subscription(secret="s3cret"))

        class Interrupted(Cipher):
            def renew(self, token: str) -> str:
                changed = make_subscription(secret="changed")
                before.run(lambda tx: tx.update_subscription(number, changed))
                return super().renew(token)

        racing = keyed(NEW, OLD, kind=Interrupted)

        assert racing.run(lambda tx: tx.renew_secrets([number])) == set()

        found = racing.read(lambda queries: queries.subscription(number))
        assert found is not None
        assert found.secret == "changed"
        assert ages(racing) == {number: KeyAge.OLDER}


class TestSqliteLedger(SqlLedgerConformance):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/ledger.db"


class TestPostgreSqlLedger(ServerLedgerConformance):
    @pytest.fixture
    def url(self, start_server: Callable[[str], Database]) -> str:
        return wiped(start_server("PostgreSql"))


class TestMariaDbLedger(ServerLedgerConformance):
    @pytest.fixture
    def url(self, start_server: Callable[[str], Database]) -> str:
        return wiped(start_server("MariaDb"))

    def test_what_is_due_and_what_is_parked_is_found_in_an_index(
        self, ledger: SqlLedger, engine: sa.Engine
    ) -> None:
        number = subscribe(ledger)
        parked = [
            make_delivery(subscription_id=number, parked=True, due_at=1) for _ in range(2_000)
        ]
        due = make_delivery(subscription_id=number, due_at=1)
        ledger.run(lambda tx: tx.insert_deliveries([*parked, due]))
        with engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE TABLE asyncevents_delivery")

        def work(tx: LedgerTransaction) -> None:
            assert len(tx.lock_due_deliveries(limit=500, expired=False)) == 1
            assert list(tx.parked_subscriptions(limit=500)) == [number]

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

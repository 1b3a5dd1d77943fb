"""What the parts of `LedgerConformance` share: fixtures, and short ways to make and read rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar
from uuid import UUID

import pytest
import sqlalchemy as sa
from attrs import evolve
from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.event import Event, NewEvent
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.subscription import NewSubscription, SubscriptionStatus
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_delivery, make_event, make_subscription
from tests.clock import ManualClock

SECOND = 1_000_000
DAY = 86_400.0
MANY = 1_200
"""More rows than a ledger is likely to put into one statement."""


class LedgerFixtures:
    """The fixtures of `LedgerConformance`."""

    concurrent: ClassVar[bool] = False
    """Whether two transactions that write run at the same time, on different rows."""

    @pytest.fixture
    def url(self) -> str:
        """Override: where an empty ledger is, upgraded already."""
        pytest.fail(f"{type(self).__name__} must override the fixture `url`")

    @pytest.fixture
    def schema(self) -> str | None:
        """Override where the tables are in a schema that search_path does not name."""
        return None

    @pytest.fixture
    def tables(self, schema: str | None) -> str:
        """What the name of a table begins with in SQL that is written by hand."""
        return "asyncevents_" if schema is None else f'"{schema}".asyncevents_'

    @pytest.fixture
    def clock(self) -> ManualClock:
        """The clock that moves the ledger's."""
        return ManualClock()

    @pytest.fixture
    def ledger(self, url: str, schema: str | None, clock: ManualClock) -> Iterator[SqlLedger]:
        """An empty ledger, its clock moved by `clock.offset`."""
        cipher = Cipher([Fernet.generate_key().decode()])
        ledger = SqlLedger(url, cipher=cipher, clock_offset=clock.offset, schema=schema)
        yield ledger
        ledger.close()

    @pytest.fixture
    def engine(self, url: str) -> Iterator[sa.Engine]:
        """An application's engine on the ledger's database."""
        engine = sa.create_engine(url)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
            sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        yield engine
        engine.dispose()

    @pytest.fixture
    def index_queue(
        self, ledger: Ledger, engine: sa.Engine, tables: str
    ) -> Callable[[], Mapping[int, int]]:
        """A function that returns the rows of the index queue, log_id -> version."""

        def read() -> Mapping[int, int]:
            with engine.connect() as connection:
                found = connection.exec_driver_sql(
                    f"SELECT attempt_id, version FROM {tables}index_queue"
                )
                return {row.attempt_id: row.version for row in found}

        return read


def now(ledger: Ledger) -> int:
    """Return the ledger's clock."""
    return ledger.read(lambda view: view.now())


def sorted_ids(count: int) -> list[UUID]:
    """Return new ids in their order: those made in one millisecond have none by themselves."""
    return sorted(uuid7() for _ in range(count))


def publish(ledger: Ledger, *events: NewEvent, due_in: float = 0.0) -> list[UUID]:
    """Insert events, one of them if none is given, and return their ids."""
    new = events or (make_event(),)
    ledger.run(lambda tx: tx.events.insert(new, due_in=due_in))
    return [one.id for one in new]


def event_of(ledger: Ledger, event_id: UUID) -> Event:
    """Read an event that exists."""
    found = ledger.read(lambda view: view.events.get(event_id))
    assert found is not None
    return found


def subscribe(ledger: Ledger, subscription: NewSubscription | None = None) -> int:
    """Insert a subscription."""
    return ledger.run(lambda tx: tx.subscriptions.insert(subscription or make_subscription()))


def set_status(ledger: Ledger, subscription_id: int, status: SubscriptionStatus) -> None:
    """Change a subscription's status."""
    ledger.run(lambda tx: tx.subscriptions.set_status([subscription_id], status))


def insert(ledger: Ledger, *deliveries: Delivery) -> list[UUID]:
    """Insert deliveries; their due_at counts from the ledger's now, in microseconds."""
    start = now(ledger)
    rows = [
        one if one.due_at is None else evolve(one, due_at=start + one.due_at) for one in deliveries
    ]
    ledger.run(lambda tx: tx.deliveries.insert(rows))
    return [one.id for one in rows]


def waiting(due: float = 0.0, *, subscription_id: int = 1, parked: bool = False) -> Delivery:
    """Return a delivery that waits, due so many seconds from now, for `insert`."""
    return make_delivery(subscription_id=subscription_id, parked=parked, due_at=round(due * SECOND))


def leased(owner: UUID, *, claims: int = 1, due: float = 60.0, deaths: int = 0) -> Delivery:
    """Return a delivery that `owner` has leased, for `insert`."""
    return make_delivery(
        state=DeliveryState.LEASED,
        owner=owner,
        claims=claims,
        deaths=deaths,
        due_at=round(due * SECOND),
    )


def ended(state: DeliveryState, *, subscription_id: int = 1) -> Delivery:
    """Return a delivery without a due time: held, delivered, dead or cancelled."""
    return make_delivery(state=state, subscription_id=subscription_id, due_at=None)


def delivery_of(ledger: Ledger, delivery_id: UUID) -> Delivery:
    """Read a delivery that exists."""
    found = ledger.run(lambda tx: tx.deliveries.lock_one(delivery_id))
    assert found is not None
    return found


def states_of(ledger: Ledger, ids: list[UUID]) -> list[DeliveryState]:
    """Read the states of deliveries."""
    return [delivery_of(ledger, one).state for one in ids]

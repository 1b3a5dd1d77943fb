"""What the parts of `LedgerConformance` share: fixtures, and short ways to make and read rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import ClassVar, Protocol
from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.event import Event, NewEvent
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.subscription import NewSubscription, SubscriptionStatus
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_delivery, make_event, make_subscription
from asyncevents_core.testing.clock import ManualClock

SECOND = 1_000_000
DAY = 86_400.0
MANY = 1_200
"""More rows than a ledger is likely to put into one statement."""


class CallersTransaction(Protocol):
    """A transaction of an application, as the tests use it."""

    handle: object
    """What is given to `Ledger.join`."""

    def savepoint(self) -> AbstractContextManager[object]:
        """Release a savepoint after the block; roll back to it after an exception."""
        ...

    def commit(self) -> None:
        """Commit the outermost transaction."""
        ...

    def rollback(self) -> None:
        """Roll the outermost transaction back."""
        ...


class LedgerFixtures:
    """The fixtures of `LedgerConformance`."""

    concurrent: ClassVar[bool] = False
    """Whether two transactions that write run at the same time, on different rows."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        """The clock that moves the ledger's."""
        return ManualClock()

    @pytest.fixture
    def ledger(self, clock: ManualClock) -> Ledger:
        """Override: an empty ledger with its schema, its clock moved by `clock.offset`."""
        pytest.fail(f"{type(self).__name__} must override the fixture `ledger`")

    @pytest.fixture
    def index_queue(self, ledger: Ledger) -> Callable[[], Mapping[int, int]]:
        """Override: a function that returns the rows of the index queue, log_id -> version."""
        pytest.fail(f"{type(self).__name__} must override the fixture `index_queue`")

    @pytest.fixture
    def begin(self, ledger: Ledger) -> Callable[[], CallersTransaction]:
        """Override: a function that begins a transaction of the caller's own."""
        pytest.fail(f"{type(self).__name__} must override the fixture `begin`")


def now(ledger: Ledger) -> int:
    """Return the ledger's clock."""
    return ledger.read(lambda queries: queries.now())


def sorted_ids(count: int) -> list[UUID]:
    """Return new ids in their order: those made in one millisecond have none by themselves."""
    return sorted(uuid7() for _ in range(count))


def publish(ledger: Ledger, *events: NewEvent, due_in: float = 0.0) -> list[UUID]:
    """Insert events, one of them if none is given, and return their ids."""
    new = events or (make_event(),)
    ledger.run(lambda tx: tx.insert_events(new, due_in=due_in))
    return [one.id for one in new]


def event_of(ledger: Ledger, event_id: UUID) -> Event:
    """Read an event that exists."""
    found = ledger.read(lambda queries: queries.event(event_id))
    assert found is not None
    return found


def subscribe(ledger: Ledger, subscription: NewSubscription | None = None) -> int:
    """Insert a subscription."""
    return ledger.run(lambda tx: tx.insert_subscription(subscription or make_subscription()))


def set_status(ledger: Ledger, subscription_id: int, status: SubscriptionStatus) -> None:
    """Change a subscription's status."""
    ledger.run(lambda tx: tx.set_subscription_status([subscription_id], status))


def insert(ledger: Ledger, *deliveries: Delivery) -> list[UUID]:
    """Insert deliveries; their due_at counts from the ledger's now, in microseconds."""
    start = now(ledger)
    rows = [
        one if one.due_at is None else evolve(one, due_at=start + one.due_at) for one in deliveries
    ]
    ledger.run(lambda tx: tx.insert_deliveries(rows))
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
    found = ledger.run(lambda tx: tx.lock_delivery(delivery_id))
    assert found is not None
    return found


def states_of(ledger: Ledger, ids: list[UUID]) -> list[DeliveryState]:
    """Read the states of deliveries."""
    return [delivery_of(ledger, one).state for one in ids]

"""Orders: placing one publishes an event, and the event's service loads it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from attrs import frozen
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from asyncevents_core import AsyncEvents
from asyncevents_http.shop.models import ItemRow, OrderRow, open_database


@frozen(kw_only=True)
class Item:
    """A line of an order, as subscribers see it."""

    sku: str
    price: Decimal


@frozen(kw_only=True)
class Order:
    """An order, as subscribers see it."""

    id: int
    increment_id: str
    customer_email: str
    placed_at: datetime
    items: tuple[Item, ...]
    total: Decimal


@frozen(kw_only=True)
class Placed:
    """What `place_order` did: the order's id, and the id of the event that says so."""

    order_id: int
    event_id: UUID


class OrderRepository:
    """Loads orders. The worker makes one and keeps it."""

    def __init__(self, engine: Engine | None = None) -> None:
        self._engine = engine or open_database()

    def get(self, id: int) -> Order:
        """Return an order; the service of `sales.order.created`."""
        with Session(self._engine) as session:
            row = session.get_one(OrderRow, id)
            items = tuple(Item(sku=one.sku, price=one.price) for one in row.items)
            return Order(
                id=row.id,
                increment_id=f"CK{row.id:06}",
                customer_email=row.customer_email,
                placed_at=row.placed_at,
                items=items,
                total=sum((one.price for one in items), Decimal(0)),
            )


def place_order(
    events: AsyncEvents, engine: Engine, customer_email: str, items: Sequence[Item]
) -> Placed:
    """Store an order and publish that it was placed, in one transaction."""
    with Session(engine) as session, session.begin():
        row = OrderRow(
            customer_email=customer_email,
            items=[ItemRow(sku=one.sku, price=one.price) for one in items],
        )
        session.add(row)
        session.flush()
        event_id = events.publish("sales.order.created", {"id": row.id}, session=session)
        return Placed(order_id=row.id, event_id=event_id)

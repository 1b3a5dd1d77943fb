"""The shop's own tables, in the database that is also the ledger's: one transaction for both."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import DateTime, Engine, ForeignKey, Numeric, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

DATABASE_VARIABLE = "SHOP_DATABASE_URL"


class Base(DeclarativeBase):
    """Base of the shop's tables."""


class OrderRow(Base):
    """An order."""

    __tablename__ = "shop_order"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_email: Mapped[str] = mapped_column(String(255))
    placed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default=lambda: datetime.now(UTC)
    )
    items: Mapped[list[ItemRow]] = relationship(lazy="selectin")


class ItemRow(Base):
    """A line of an order."""

    __tablename__ = "shop_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("shop_order.id"))
    sku: Mapped[str] = mapped_column(String(64))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))


def database_url() -> str:
    """Return where the shop keeps its orders."""
    return os.environ.get(DATABASE_VARIABLE, "sqlite:///shop.db")


def open_database() -> Engine:
    """Return an engine on the shop's database, its tables made."""
    engine = create_engine(database_url())
    Base.metadata.create_all(engine)
    return engine

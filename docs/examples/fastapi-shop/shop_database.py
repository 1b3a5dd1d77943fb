"""Orders, and the session of a request. ``python shop_database.py`` makes the table."""

import os
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ASYNCHRONOUS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
SYNCHRONOUS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
url = make_url(os.environ.get("SHOP_DATABASE_URL", "sqlite:///shop.db"))
kind = url.get_backend_name()
engine = create_async_engine(url.set(drivername=ASYNCHRONOUS[kind]), pool_pre_ping=True)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The tables of the shop."""


class Order(Base):
    """What somebody has bought; `total` is in cents."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    total: Mapped[int]
    cancelled: Mapped[bool] = mapped_column(default=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    """Give a request its session: committed when its handler returns, else rolled back."""
    async with sessions.begin() as session:
        yield session


# With this scope the commit is over before the answer is sent.
DbSession = Annotated[AsyncSession, Depends(get_session, scope="function")]


if __name__ == "__main__":
    tables = create_engine(url.set(drivername=SYNCHRONOUS[kind]))
    Base.metadata.create_all(tables)
    tables.dispose()

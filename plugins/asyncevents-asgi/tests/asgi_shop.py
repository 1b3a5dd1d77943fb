"""What the applications of the tests have in common: a table, and a look at the ledger."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy import event as listen
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from asyncevents_core import AsyncEvents


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    number: Mapped[int] = mapped_column(primary_key=True)


class NewOrder(BaseModel):
    number: int


def let_writers_wait(engine: sa.Engine) -> None:
    """Begin transactions as savepoints on SQLite need it."""

    @listen.listens_for(engine, "connect")
    def do_not_begin(connection: Any, record: object) -> None:
        connection.isolation_level = None

    @listen.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def asynchronous(url: str) -> AsyncEngine:
    """Return an engine that keeps no connection, so that each event loop has its own."""
    engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"), poolclass=sa.NullPool)
    let_writers_wait(engine.sync_engine)
    return engine


def published(events: AsyncEvents) -> list[Any]:
    """Return the data of the events in the ledger, oldest first."""
    found = events.runtime.ledger.read(
        lambda view: view.events.page(name=None, limit=100, before=None)
    )
    return [json.loads(one.body)["data"] for one in reversed(found)]


def orders(engine: sa.Engine) -> list[int]:
    """Return the numbers of the orders that there are."""
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(Order.number).order_by(Order.number)))


def browser(application: Any) -> httpx.AsyncClient:
    """Return a client of an application in this process, whose lifespan does not run."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://shop")


def entered(lifespan: Any, application: object = None) -> AbstractAsyncContextManager[Any]:
    """Return what a framework enters when it starts."""
    manager: AbstractAsyncContextManager[Any] = lifespan(application)
    return manager

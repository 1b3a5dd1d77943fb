"""A shop: ``uvicorn shop:app``."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field
from shop_database import DbSession, Order, engine
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from asyncevents_asgi.fastapi import AsyncPublish, lifespan, mount, publish_in
from asyncevents_core import AsyncEvents

events = AsyncEvents("shop_settings")
Publishes = Annotated[AsyncPublish, Depends(publish_in(events, DbSession))]


class NewOrder(BaseModel):
    """What is ordered, and what subscribers get."""

    number: str = Field(max_length=20)
    total: int = Field(gt=0, description="In cents.")


@asynccontextmanager
async def database(application: FastAPI) -> AsyncIterator[None]:
    """Close the shop's own connections in the end."""
    yield
    await engine.dispose()


# With SHOP_WORKER=1, while one develops, events are delivered by this process, too.
app = FastAPI(lifespan=lifespan(events, database, worker=os.environ.get("SHOP_WORKER") == "1"))
mount(app, events, path="/events")


@app.post("/orders", status_code=201)
async def place(order: NewOrder, session: DbSession, publish: Publishes) -> NewOrder:
    """Place an order."""
    session.add(Order(number=order.number, total=order.total))
    try:
        await session.flush()
    except IntegrityError:
        raise HTTPException(409, f"there is an order {order.number}") from None
    await publish("shop.order.created", order)
    return order


@app.post("/orders/{number}/cancel", status_code=204)
async def cancel(number: str, session: DbSession, publish: Publishes) -> None:
    """Cancel an order, once."""
    found = await session.scalar(select(Order).where(Order.number == number).with_for_update())
    if found is None:
        raise HTTPException(404, f"there is no order {number}")
    if not found.cancelled:
        found.cancelled = True
        await publish("shop.order.cancelled", {"number": number})

"""What subscribers get: made in a worker, of what was published."""

from shop_database import SYNCHRONOUS, Order, kind, url
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

# Not the engine of the application: its connections belong to the event loop of that.
engine = create_engine(url.set(drivername=SYNCHRONOUS[kind]), pool_pre_ping=True)


def order(number: str) -> dict[str, object]:
    """Return an order as it is when it is delivered."""
    with Session(engine) as session:
        found = session.scalars(select(Order).where(Order.number == number)).one()
        return {"number": found.number, "total": found.total, "cancelled": found.cancelled}

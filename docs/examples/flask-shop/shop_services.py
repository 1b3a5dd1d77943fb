"""What subscribers get: made in a worker, of the ids that were published."""

from shop import Order, db


def order(id: int) -> dict[str, object]:
    """Return an order as it is when it is delivered."""
    found = db.session.get_one(Order, id)
    return {"number": found.number, "total": found.total, "cancelled": found.cancelled}

"""What subscribers get: made in a worker, of the ids that were published."""

from shop.models import Order


def order(id: int) -> dict[str, object]:
    """Return an order as it is when it is delivered."""
    found = Order.objects.get(pk=id)
    return {"number": found.number, "total": found.total, "cancelled": found.cancelled}

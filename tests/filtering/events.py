"""Events that filters are asked about."""

from __future__ import annotations

import uuid

from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.payload import envelope, to_json

ID = uuid.UUID(int=42)
ORDER = {
    "increment_id": "CK1000",
    "total": 120,
    "country": "AT",
    "items": [{"sku": "A-1", "qty": 2}, {"sku": "B-2", "qty": 1}],
    "placed_at": "2026-11-23T22:15:30+01:00",
}


def body(data=ORDER, *, name="sales.order.created", tenant="de"):
    """Return an event's body, as the ledger keeps it."""
    return envelope(
        event_id=ID,
        name=name,
        source="/shop",
        occurred_at=1_790_000_000_000_000,
        tenant=tenant,
        data=to_json(data),
    )


def event(**attributes):
    """Return a view of an event with these attributes beside those that each has."""
    required = {"specversion": "1.0", "id": "my-id", "source": "/shop", "type": "my.type"}
    return EventView.of({**required, **attributes})

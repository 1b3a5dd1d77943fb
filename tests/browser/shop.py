"""The shop of docs/how-to/use-the-pages.md: three recipients get its orders, one missed some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from tests.browser.history import Way, histories
from tests.browser.world import World

EVENT: Final = "sales.order.created"
SETTINGS: Final[Mapping[str, Any]] = {"EVENTS": {EVENT: {"title": "An order was placed"}}}
ORDER: Final = 42
_CUSTOMERS: Final = ("veronica", "anna", "ben", "carla", "dieter")
_TARGETS: Final = (
    "https://erp.example.com/orders",
    "https://crm.example.com/webhooks/orders",
    "https://mail.example.com/confirmations",
)
_DOWNTIME: Final = '{"error": "down for maintenance"}'
_APART: Final = 45.0
"""Seconds from an order to the next one."""
_ORDERS: Final = 75
_DOWN: Final = range(40, 46)
"""The orders that were placed while the first recipient answered nothing but errors."""


def open_shop(world: World) -> UUID:
    """Let the shop have sold for an hour; return the delivery of order 42 that is a dead letter."""
    numbers = [world.api.subscribe(EVENT, target=one) for one in _TARGETS]
    dead: UUID | None = None
    with histories(world) as history:
        for order in range(1, _ORDERS + 1):
            ways = [
                Way(
                    subscription_id=number,
                    target=target,
                    failures=int(order % 17 == number),
                    refusal=_DOWNTIME,
                )
                for number, target in zip(numbers, _TARGETS, strict=True)
            ]
            if order in _DOWN:
                ways[0] = evolve(ways[0], failures=6, arrives=False)
            _, delivery, *_ = history.write(
                EVENT, placed(order), (_ORDERS + 1 - order) * _APART, ways
            )
            if order == ORDER:
                dead = delivery
    world.wait_for_index()
    assert dead is not None
    return dead


def placed(order: int) -> dict[str, object]:
    """Return what an order's event carries."""
    name = _CUSTOMERS[(order - ORDER) % len(_CUSTOMERS)]
    return {
        "increment_id": order,
        "customer_email": f"{name}@example.com",
        "grand_total": f"{19.99 + order:.2f}",
        "items": [{"sku": "A-1", "qty": 1 + order % 3}, {"sku": "B-7", "qty": 2}],
    }

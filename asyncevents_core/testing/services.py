"""Services for `ServiceResolverConformance`: one of each kind that a resolver meets."""

from __future__ import annotations

import asyncio


class Unlucky(Exception):
    """What the service that always fails raises."""


class Orders:
    """A repository, as an application has it."""

    def get(self, id: int) -> dict[str, object]:
        """Return an order."""
        return {"id": id, "items": ["tea", "cup"]}

    async def fetch(self, id: int) -> dict[str, object]:
        """Return an order, asynchronously."""
        await asyncio.sleep(0)
        return {"id": id, "items": ["tea", "cup"]}


def plain(id: int) -> dict[str, object]:
    """Return an order, without a class."""
    return {"id": id, "items": ["tea", "cup"]}


def unlucky(id: int) -> dict[str, object]:
    """Fail."""
    raise Unlucky(f"order {id} is gone")

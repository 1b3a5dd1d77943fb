"""What lists answer with."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from attrs import frozen

from asyncevents_core.web.api.schemas.async_event import AsyncEvent


@frozen(kw_only=True)
class AsyncEventList:
    """A page of subscriptions, as Magento answers with lists."""

    items: list[AsyncEvent]
    search_criteria: dict[str, Any]
    total_count: int

    # A request may ask for some of the fields only.
    PARTIAL: ClassVar[bool] = True


@frozen(kw_only=True)
class Accepted:
    """What was made, to trace: a delivery's id, or an event's that was opened again."""

    uuid: UUID


@frozen(kw_only=True)
class Changed:
    """The subscriptions that a request was about."""

    subscription_ids: list[int]

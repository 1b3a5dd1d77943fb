"""Subscriptions as the original answers with them."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen
from msgspec import UNSET, UnsetType

from asyncevents_core.domain.subscription import (
    Subscription,
    SubscriptionStatus,
    SubscriptionSummary,
)
from asyncevents_core.web.api.schemas.stores import magento_time, store_id_of


@frozen(kw_only=True)
class AsyncEvent:
    """A subscription with the fields of the original; never its verification token.

    `store_id` is 0 for no tenant, null for a tenant that is not a number; `modified` is null until
    the first change.
    """

    subscription_id: int
    event_name: str
    recipient_url: str
    status: bool
    subscribed_at: str
    modified: str | None
    store_id: int | None
    metadata: str
    receiver_secret: str | UnsetType = UNSET

    # A request may ask for some of the fields only.
    PARTIAL: ClassVar[bool] = True


def answer(one: Subscription | SubscriptionSummary) -> AsyncEvent:
    """Return a subscription as the original shows it."""
    return AsyncEvent(
        subscription_id=one.id,
        event_name=one.event_name,
        recipient_url=one.target,
        status=one.status is SubscriptionStatus.ENABLED,
        subscribed_at=magento_time(one.subscribed_at),
        modified=None if one.modified_at is None else magento_time(one.modified_at),
        store_id=store_id_of(one.tenant),
        metadata=one.sink,
    )

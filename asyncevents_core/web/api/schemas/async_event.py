"""Subscriptions as they are answered: as the original has them, and with all that there is."""

from __future__ import annotations

from typing import Any

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

    `store_id` is 0 for no tenant, null for a tenant that is not a number.
    """

    subscription_id: int
    event_name: str
    recipient_url: str
    status: bool
    subscribed_at: str
    store_id: int | None
    metadata: str
    receiver_secret: str | UnsetType = UNSET


@frozen(kw_only=True)
class AsyncEventDetails:
    """Everything about a subscription; what is secret in `options` is masked."""

    subscription_id: int
    event_name: str
    recipient_url: str
    status: bool
    subscribed_at: str
    store_id: int | None
    tenant: str | None
    metadata: str
    signed: bool
    maximum_deaths: int | None
    schedule: list[float] | None
    jitter: float
    rate_limit: float | None
    options: dict[str, Any]


def answer(one: Subscription | SubscriptionSummary) -> AsyncEvent:
    """Return a subscription as the original shows it."""
    return AsyncEvent(
        subscription_id=one.id,
        event_name=one.event_name,
        recipient_url=one.target,
        status=one.status is SubscriptionStatus.ENABLED,
        subscribed_at=magento_time(one.created_at),
        store_id=store_id_of(one.tenant),
        metadata=one.sink,
    )


def details(one: Subscription, options: dict[str, Any]) -> AsyncEventDetails:
    """Return everything about a subscription; `options` are masked already."""
    schedule = one.retry.schedule
    return AsyncEventDetails(
        subscription_id=one.id,
        event_name=one.event_name,
        recipient_url=one.target,
        status=one.status is SubscriptionStatus.ENABLED,
        subscribed_at=magento_time(one.created_at),
        store_id=store_id_of(one.tenant),
        tenant=one.tenant,
        metadata=one.sink,
        signed=one.signed,
        maximum_deaths=one.retry.maximum_deaths,
        schedule=None if schedule is None else list(schedule),
        jitter=one.retry.jitter,
        rate_limit=one.rate_limit,
        options=options,
    )

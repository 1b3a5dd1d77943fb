"""Subscriptions: who wants which event, through which sink."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import field, frozen, validators


class SubscriptionStatus(enum.StrEnum):
    """enabled <-> disabled -> deleted. Deleted ones keep their log."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


@frozen(kw_only=True)
class RetryPolicy:
    """How often and when to retry; None means the default of the settings.

    `maximum_deaths` is the number of retries after the first attempt (0 = none). `schedule`
    lists the delays in seconds, its last one repeating; without it the formula
    ``min(60, n ** 2)`` holds. `jitter` is the fraction (0..1) by which a delay may vary.
    """

    maximum_deaths: int | None = field(
        default=None, validator=validators.optional(validators.ge(0))
    )
    schedule: tuple[float, ...] | None = field(default=None)
    jitter: float = field(default=0.0, validator=[validators.ge(0.0), validators.le(1.0)])

    @schedule.validator
    def _no_negative_delay(self, _: object, value: tuple[float, ...] | None) -> None:
        if value is not None and (not value or min(value) < 0):
            raise ValueError("schedule needs at least one delay, and none below 0 seconds")


@frozen(kw_only=True)
class NewSubscription:
    """A subscription on its way into the ledger.

    `rate_limit` is the number of deliveries a second, in each worker process, at most.
    """

    event_name: str
    sink: str
    target: str
    secret: str | None = field(default=None, repr=False)
    tenant: str | None = None
    retry: RetryPolicy = RetryPolicy()
    rate_limit: float | None = field(
        default=None, validator=validators.optional(validators.gt(0.0))
    )
    options: Mapping[str, object] = field(factory=dict, repr=False)
    status: SubscriptionStatus = SubscriptionStatus.ENABLED


@frozen(kw_only=True)
class SubscriptionSummary:
    """A subscription in a list: nothing of it is secret."""

    id: int
    event_name: str
    sink: str
    target: str
    tenant: str | None
    status: SubscriptionStatus
    created_at: int


@frozen(kw_only=True)
class Subscription:
    """A subscription's row, its secret and its options decrypted."""

    id: int
    event_name: str
    sink: str
    target: str
    secret: str | None = field(repr=False)
    tenant: str | None
    retry: RetryPolicy
    rate_limit: float | None
    options: Mapping[str, object] = field(repr=False)
    status: SubscriptionStatus
    created_at: int

    def as_new(self) -> NewSubscription:
        """Return it as it was when it was on its way into the ledger, to change it."""
        return NewSubscription(
            event_name=self.event_name,
            sink=self.sink,
            target=self.target,
            secret=self.secret,
            tenant=self.tenant,
            retry=self.retry,
            rate_limit=self.rate_limit,
            options=self.options,
            status=self.status,
        )

"""Subscriptions: who wants which event, through which sink."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from attrs import Attribute, field, frozen

from asyncevents_core.domain.limits import (
    deaths_mistake,
    jitter_mistake,
    options_mistake,
    rate_mistake,
    schedule_mistake,
    secret_mistake,
    sink_mistake,
    target_mistake,
    tenant_mistake,
)
from asyncevents_core.errors import InvalidValue


def _checked(mistake: Callable[[object], str | None]) -> Callable[[Any, Attribute[Any], Any], None]:
    """Return a validator that raises `InvalidValue` for what `mistake` complains about."""

    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        if value is None and attribute.default is None:
            return
        if wrong := mistake(value):
            raise InvalidValue(f"{attribute.name} {wrong}", field=attribute.name)

    return check


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

    Raises `InvalidValue` for what is out of its limits (`asyncevents_core.domain.limits`).
    """

    maximum_deaths: int | None = field(default=None, validator=_checked(deaths_mistake))
    schedule: tuple[float, ...] | None = field(default=None, validator=_checked(schedule_mistake))
    jitter: float = field(default=0.0, validator=_checked(jitter_mistake))


@frozen(kw_only=True)
class NewSubscription:
    """A subscription on its way into the ledger.

    `rate_limit` is the number of deliveries a second, in each worker process, at most.

    Raises `InvalidValue` for what is out of its limits (`asyncevents_core.domain.limits`).
    """

    event_name: str
    sink: str = field(validator=_checked(sink_mistake))
    target: str = field(validator=_checked(target_mistake))
    secret: str | None = field(default=None, repr=False, validator=_checked(secret_mistake))
    tenant: str | None = field(default=None, validator=_checked(tenant_mistake))
    retry: RetryPolicy = RetryPolicy()
    rate_limit: float | None = field(default=None, validator=_checked(rate_mistake))
    options: Mapping[str, object] = field(
        factory=dict, repr=False, validator=_checked(options_mistake)
    )
    status: SubscriptionStatus = SubscriptionStatus.ENABLED


@frozen(kw_only=True)
class SubscriptionSummary:
    """A subscription in a list: nothing of it is secret. Times as in `Subscription`."""

    id: int
    event_name: str
    sink: str
    target: str
    tenant: str | None
    status: SubscriptionStatus
    subscribed_at: int
    modified_at: int | None = None


@frozen(kw_only=True)
class SubscriptionFilter:
    """All conditions that are given hold; deleted subscriptions are none of those meant.

    `event_name` and `target` are parts of it, upper or lower case. `since` and `until` bound when
    it was made, in microseconds.
    """

    event_name: str | None = None
    target: str | None = None
    sink: str | None = None
    tenant: str | None = None
    status: SubscriptionStatus | None = None
    since: int | None = None
    until: int | None = None


class SubscriptionColumn(enum.StrEnum):
    """What a list of subscriptions can be sorted by."""

    ID = "id"
    EVENT_NAME = "event_name"
    TARGET = "target"
    SINK = "sink"
    TENANT = "tenant"
    STATUS = "status"
    SUBSCRIBED_AT = "subscribed_at"


@frozen(kw_only=True)
class SubscriptionOrder:
    """The order of a list of subscriptions; where it leaves two equal, the newer comes first."""

    column: SubscriptionColumn = SubscriptionColumn.ID
    descending: bool = True


@frozen(kw_only=True)
class Subscription:
    """A subscription's row, its secret and its options decrypted.

    Times are microseconds since 1970. `modified_at` is that of the last change that people or
    recipients made, be it to its status only; None: it is as it was made, as far as is known.

    `unreadable` says why that was not possible; None: it was. Then `unread` names what is not
    here (`secret`, `options`), and nothing can be delivered.
    """

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
    subscribed_at: int
    modified_at: int | None = None
    unread: tuple[str, ...] = ()
    unreadable: str | None = None

    @property
    def signed(self) -> bool:
        """Whether it has a secret, be it one that cannot be read."""
        return self.secret is not None or "secret" in self.unread

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

"""Subscriptions: who wants which event, through which sink."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import Attribute, evolve, field, frozen

from asyncevents_core.domain.event_pattern import EventPattern, read_pattern
from asyncevents_core.domain.failing import FailurePolicy, Streak
from asyncevents_core.domain.instant import micros
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


MOST_SECRETS: Final = 5
"""Secrets of a subscription that are in use at the same time: each of them signs each request."""


@frozen(kw_only=True)
class OlderSecret:
    """A secret that another one has followed, with which requests are signed besides, until then.

    `until` is microseconds since 1970; None: until somebody ends it.
    """

    secret: str = field(repr=False, validator=_checked(secret_mistake))
    until: int | None = None

    def is_active(self, now: int) -> bool:
        """Tell whether it still signs, at a time in microseconds."""
        return self.until is None or now < self.until


LONGEST_FILTER_ERROR: Final = 500


@frozen(kw_only=True)
class FilterCounts:
    """How many events a filter did not let pass, and on how many it failed; the last `error`."""

    filtered: int = 0
    failed: int = 0
    error: str | None = None

    def __add__(self, other: FilterCounts) -> FilterCounts:
        return FilterCounts(
            filtered=self.filtered + other.filtered,
            failed=self.failed + other.failed,
            error=self.error if other.error is None else other.error,
        )


@frozen(kw_only=True)
class NewSubscription:
    """A subscription on its way into the ledger.

    `event_name` is the name of an event, or names and patterns: see `EventPattern`. `rate_limit`
    is the number of deliveries a second, by all workers together, at most. `older_secrets` sign
    besides `secret`, newest first. `granted` are the resources of whoever subscribed, by which
    events that a pattern matches are its to get; None: all of them. `filter` says by their content
    which events it gets, as JSON: see `FilterCompiler`; None: all of them. `failure` says when
    attempts that fail in a row end it.

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
    older_secrets: tuple[OlderSecret, ...] = field(default=(), repr=False)
    granted: frozenset[str] | None = None
    filter: object = None
    failure: FailurePolicy = field(factory=FailurePolicy)

    def rotated(self, secret: str, *, now: int, overlap: float | None) -> NewSubscription:
        """Return it with a new secret; those there are go on to sign for `overlap` seconds.

        None: until somebody ends them; 0: not at all. `now` is microseconds since 1970. Raises
        `InvalidValue` where too many would be in use.
        """
        until = None if overlap is None else now + micros(overlap)
        older = [] if overlap == 0 else [*_ending(self, now, until)]
        if len(older) >= MOST_SECRETS:
            raise InvalidValue(
                f"a subscription has at most {MOST_SECRETS} secrets in use: end the older ones "
                "first",
                field="secret",
            )
        return evolve(self, secret=secret, older_secrets=tuple(older))


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
    streak: Streak = field(factory=Streak)


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

    `streak` are the latest attempts, if they failed in a row, `filter_counts` what its filter has
    done since it was made or changed, as they are known.

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
    older_secrets: tuple[OlderSecret, ...] = field(default=(), repr=False)
    granted: frozenset[str] | None = None
    filter: object = None
    failure: FailurePolicy = field(factory=FailurePolicy)
    streak: Streak = field(factory=Streak)
    filter_counts: FilterCounts = field(factory=FilterCounts)
    unread: tuple[str, ...] = ()
    unreadable: str | None = None

    @property
    def pattern(self) -> EventPattern:
        """Which events it wants. Raises `InvalidValue` for what is no pattern."""
        return read_pattern(self.event_name)

    @property
    def signed(self) -> bool:
        """Whether it has a secret, be it one that cannot be read."""
        return self.secret is not None or "secret" in self.unread

    def secrets(self, now: int) -> tuple[str, ...]:
        """Return the secrets that sign at a time in microseconds, newest first."""
        if self.secret is None:
            return ()
        return (self.secret, *(one.secret for one in self.older_secrets if one.is_active(now)))

    def may_get(self, resources: Sequence[str]) -> bool:
        """Tell whether an event that its pattern matches, and that needs these, is its to get."""
        return self.granted is None or self.granted.issuperset(resources)

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
            older_secrets=self.older_secrets,
            granted=self.granted,
            filter=self.filter,
            failure=self.failure,
        )


def filter_text(filter: object) -> str:
    """Return a filter as people write it: the search's language as it is, other ones in JSON."""
    if filter is None:
        return ""
    return filter if isinstance(filter, str) else json.dumps(filter, ensure_ascii=False)


def _ending(one: NewSubscription, now: int, until: int | None) -> Sequence[OlderSecret]:
    """Return the secrets that are in use now, each with an end that is no later than `until`."""
    if one.secret is None:
        return ()
    older = (old for old in one.older_secrets if old.is_active(now))
    return [
        OlderSecret(secret=one.secret, until=until),
        *(evolve(old, until=_earlier(old.until, until)) for old in older),
    ]


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)

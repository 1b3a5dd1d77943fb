"""Rows of subscriptions, read and written; what is secret in them is encrypted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy.schema import subscription
from asyncevents_core.domain.failing import FailurePolicy, Streak
from asyncevents_core.domain.subscription import (
    FilterCounts,
    NewSubscription,
    OlderSecret,
    RetryPolicy,
    Subscription,
    SubscriptionStatus,
    SubscriptionSummary,
)
from asyncevents_core.errors import SecretKeysError

ENCRYPTED: Final = (
    subscription.c.secret,
    subscription.c.older_secrets,
    subscription.c.options,
)
"""What is kept encrypted, where it is there."""
_SECRET_NAMES: Final = tuple(column.name for column in ENCRYPTED)
_NO_POLICY: Final = FailurePolicy()


def to_summary(row: Row[Any]) -> SubscriptionSummary:
    """Read a subscription for a list."""
    return SubscriptionSummary(
        id=row.id,
        event_name=row.event_name,
        sink=row.sink,
        target=row.target,
        tenant=row.tenant,
        status=SubscriptionStatus(row.status),
        subscribed_at=row.created_at,
        modified_at=row.modified_at,
        streak=to_streak(row),
    )


def subscription_values(new: NewSubscription, cipher: Cipher, now: int) -> dict[str, Any]:
    """Return the columns of a new subscription, what is secret encrypted."""
    schedule = new.retry.schedule
    return {
        "event_name": new.event_name,
        "sink": new.sink,
        "target": new.target,
        "secret": None if new.secret is None else cipher.encrypt(new.secret),
        "tenant": new.tenant,
        "maximum_deaths": new.retry.maximum_deaths,
        "schedule": None if schedule is None else json.dumps(schedule),
        "jitter": new.retry.jitter,
        "rate_limit": new.rate_limit,
        "options": cipher.encrypt(json.dumps(dict(new.options))) if new.options else None,
        "older_secrets": _encrypted(new.older_secrets, cipher),
        "granted": None if new.granted is None else json.dumps(sorted(new.granted)),
        "filter": None if new.filter is None else json.dumps(new.filter),
        "failure_policy": None if new.failure == _NO_POLICY else json.dumps(new.failure.said),
        "status": new.status.value,
        "holding": new.status is SubscriptionStatus.DISABLED,
        "created_at": now,
    }


def to_subscription(row: Row[Any], cipher: Cipher) -> Subscription:
    """Read a subscription. What no key decrypts is named in its `unread`."""
    values = row._mapping
    schedule = values["schedule"]
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for name in _SECRET_NAMES:
        if values[name] is not None:
            try:
                texts[name] = cipher.decrypt(values[name])
            except SecretKeysError as error:
                unread[name] = str(error)
    return Subscription(
        id=values["id"],
        event_name=values["event_name"],
        sink=values["sink"],
        target=values["target"],
        secret=texts.get("secret"),
        tenant=values["tenant"],
        retry=RetryPolicy(
            maximum_deaths=values["maximum_deaths"],
            schedule=None if schedule is None else tuple(json.loads(schedule)),
            jitter=values["jitter"],
        ),
        rate_limit=values["rate_limit"],
        options=json.loads(texts.get("options", "{}")),
        status=SubscriptionStatus(values["status"]),
        subscribed_at=values["created_at"],
        modified_at=values["modified_at"],
        older_secrets=_older_secrets(texts.get("older_secrets")),
        granted=None if values["granted"] is None else frozenset(json.loads(values["granted"])),
        filter=None if values["filter"] is None else json.loads(values["filter"]),
        failure=_to_policy(values["failure_policy"]),
        streak=to_streak(row),
        filter_counts=FilterCounts(
            filtered=values["filtered"],
            failed=values["filter_failed"],
            error=values["filter_error"],
        ),
        unread=tuple(unread),
        unreadable=next(iter(unread.values()), None),
    )


def streak_values(streak: Streak) -> dict[str, Any]:
    """Return the columns of how a recipient fares."""
    return {
        "failures": streak.failures,
        "failing_since": streak.since,
        "failing_error": streak.error,
        "warned_at": streak.warned_at,
    }


def to_streak(row: Row[Any]) -> Streak:
    """Read how a recipient fares."""
    return Streak(
        failures=row.failures,
        since=row.failing_since,
        error=row.failing_error,
        warned_at=row.warned_at,
    )


def _to_policy(text: str | None) -> FailurePolicy:
    return _NO_POLICY if text is None else FailurePolicy(**json.loads(text))


def _encrypted(older: Sequence[OlderSecret], cipher: Cipher) -> str | None:
    if not older:
        return None
    return cipher.encrypt(json.dumps([[one.secret, one.until] for one in older]))


def _older_secrets(text: str | None) -> tuple[OlderSecret, ...]:
    if text is None:
        return ()
    return tuple(OlderSecret(secret=secret, until=until) for secret, until in json.loads(text))


def tokens_of(row: Row[Any]) -> dict[str, str]:
    """Return what a subscription keeps encrypted, by column, as it is kept."""
    both = {column.name: row._mapping[column.name] for column in ENCRYPTED}
    return {name: token for name, token in both.items() if token is not None}

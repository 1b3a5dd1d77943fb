"""What the audit log says of a subscription, and of a change to one."""

from __future__ import annotations

from typing import Final

from asyncevents_core.domain.instant import iso, to_datetime
from asyncevents_core.domain.subscription import NewSubscription

_CHANGED: Final = "changed"


def plain_fields(one: NewSubscription) -> dict[str, object]:
    """Return what is not secret, for the audit log."""
    return {
        "event_name": one.event_name,
        "sink": one.sink,
        "target": one.target,
        "tenant": one.tenant,
        "maximum_deaths": one.retry.maximum_deaths,
        "schedule": one.retry.schedule,
        "jitter": one.retry.jitter,
        "rate_limit": one.rate_limit,
        "status": one.status.value,
        "failure_policy": {k: v for k, v in one.failure.said.items() if v is not None},
        "filter": one.filter,
        "older_secrets_until": [
            None if old.until is None else iso(to_datetime(old.until)) for old in one.older_secrets
        ],
    }


def differences(old: NewSubscription, new: NewSubscription) -> dict[str, object]:
    """Return what a change did: both values of each field, and only that for what is secret."""
    before, after = plain_fields(old), plain_fields(new)
    changed: dict[str, object] = {
        name: [before[name], after[name]] for name in before if before[name] != after[name]
    }
    if old.secret != new.secret:
        changed["secret"] = _CHANGED
    if old.options != new.options:
        changed["options"] = _CHANGED
    return changed

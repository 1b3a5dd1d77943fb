"""Subscriptions as clients send them: whole, or what is to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Self

from attrs import evolve, field, frozen

from asyncevents_core.domain.limits import (
    LARGEST_COUNT,
    LONGEST_NAME,
    count_mistake,
    deaths_mistake,
    jitter_mistake,
    rate_mistake,
    schedule_mistake,
    secret_mistake,
    sink_mistake,
    target_mistake,
    tenant_mistake,
    text_mistake,
)
from asyncevents_core.domain.subscription import (
    NewSubscription,
    RetryPolicy,
    SubscriptionStatus,
)
from asyncevents_core.showing import DOTS
from asyncevents_core.web.api.problems import FieldError, invalid
from asyncevents_core.web.api.schemas.stores import tenant_of
from asyncevents_core.web.api.strict_body import read_object

WRAPPER: Final = "asyncEvent"
DEFAULT_SINK: Final = "http"
_READ_ONLY: Final = frozenset({"subscription_id", "subscribed_at"})
# As PHP casts them.
_FLAGS: Final[Mapping[object, bool]] = {0: False, 1: True, "0": False, "1": True}
_DIGITS: Final = re.compile("[0-9]{1,10}")


@frozen(kw_only=True)
class AsyncEventInput:
    """What a client sends of a subscription; `given` are the fields that it did send.

    `subscription_id` and `subscribed_at` are taken and left alone, so that a client may send back
    what it got.
    """

    event_name: str | None = None
    recipient_url: str | None = None
    verification_token: str | None = field(default=None, repr=False)
    metadata: str | None = None
    store_id: int | None = None
    tenant: str | None = None
    status: bool | None = None
    maximum_deaths: int | None = None
    schedule: tuple[float, ...] | None = None
    jitter: float | None = None
    rate_limit: float | None = None
    options: Mapping[str, object] | None = field(default=None, repr=False)
    subscription_id: int | None = None
    subscribed_at: str | None = None


@frozen(kw_only=True)
class AsyncEventRequest:
    """A subscription in its wrapper."""

    asyncEvent: AsyncEventInput

    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "asyncEvent": {
            "event_name": "sales.order.created",
            "recipient_url": "https://example.com/order_created",
            "verification_token": "supersecret",
            "metadata": "http",
            "status": True,
        }
    }


class AsyncEventBody:
    """``{"asyncEvent": {…}}``, in snake_case or camelCase as Magento takes it."""

    shape: ClassVar[type] = AsyncEventRequest

    def __init__(self, sent: AsyncEventInput, given: frozenset[str]) -> None:
        self._sent = sent
        self._given = given

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        plain = _named(_unwrapped(value))
        status, store = plain.get("status"), plain.get("store_id")
        if isinstance(status, int | str) and status in _FLAGS:
            plain["status"] = _FLAGS[status]
        if isinstance(store, str) and _DIGITS.fullmatch(store):
            plain["store_id"] = int(store)
        found = read_object(AsyncEventInput, plain, WRAPPER)
        _check(found)
        return cls(found, frozenset(plain) - _READ_ONLY)

    def new(self, tenant: str | None) -> NewSubscription:
        """Return a new subscription; one without a tenant gets this one. Raises a `Problem`."""
        sent = self._sent
        self.require("event_name", "recipient_url")
        base = NewSubscription(
            event_name=sent.event_name or "",
            sink=DEFAULT_SINK,
            target=sent.recipient_url or "",
            tenant=tenant,
        )
        return self.merged(base, clear=False)

    def merged(self, old: NewSubscription, *, clear: bool) -> NewSubscription:
        """Return a subscription changed as the client wants it.

        What it did not send stays; null does too, unless `clear`. Raises a `Problem`.
        """
        sent = self._sent
        changes: dict[str, Any] = {}
        for name, attribute in _FIELDS.items():
            value = getattr(sent, name)
            if value is not None or (clear and name in self._given):
                changes[attribute] = value
        if clear:
            _refuse_null(changes)
        if {"store_id", "tenant"} & self._meant(clear):
            changes["tenant"] = self._tenant()
        if sent.status is not None:
            changes["status"] = _status(sent.status)
        if "options" in changes:
            changes["options"] = _unmasked(changes["options"] or {}, old.options)
        return evolve(old, **changes, retry=self._retry(old.retry, clear=clear))

    def require(self, *names: str) -> None:
        """Raise a `Problem` unless the client sent all of these."""
        missing = [one for one in names if getattr(self._sent, one) is None]
        if missing:
            raise invalid(
                *(FieldError(field=f"{WRAPPER}.{one}", reason="it is missing") for one in missing)
            )

    def _meant(self, clear: bool) -> set[str]:
        return {one for one in self._given if clear or getattr(self._sent, one) is not None}

    def _tenant(self) -> str | None:
        sent = self._sent
        if sent.store_id is None:
            return sent.tenant
        of_store = tenant_of(sent.store_id)
        if "tenant" in self._given and sent.tenant != of_store:
            raise invalid(
                FieldError(
                    field=f"{WRAPPER}.store_id",
                    reason=f"it stands for tenant {of_store!r}, but tenant is {sent.tenant!r}",
                )
            )
        return of_store

    def _retry(self, old: RetryPolicy, *, clear: bool) -> RetryPolicy:
        changes: dict[str, Any] = {
            name: getattr(self._sent, name)
            for name in ("maximum_deaths", "schedule", "jitter")
            if getattr(self._sent, name) is not None or (clear and name in self._given)
        }
        if changes.get("jitter", ...) is None:
            changes["jitter"] = 0.0
        return evolve(old, **changes)


_FIELDS: Final = {
    "event_name": "event_name",
    "recipient_url": "target",
    "verification_token": "secret",
    "metadata": "sink",
    "rate_limit": "rate_limit",
    "options": "options",
}
_NEVER_NULL: Final = {
    "event_name": "event_name",
    "target": "recipient_url",
    "sink": "metadata",
}


def _unwrapped(value: object) -> dict[str, object]:
    """Return what stands in the wrapper. Raises a `Problem`."""
    names = {WRAPPER, "async_event"}
    if not isinstance(value, dict) or not names & set(value):
        raise invalid(FieldError(field=WRAPPER, reason="it is missing"))
    if unknown := sorted(set(value) - names):
        raise invalid(*(FieldError(field=one, reason="no such field") for one in unknown))
    if len(value) > 1:
        raise invalid(FieldError(field=WRAPPER, reason="it is there twice, as async_event too"))
    (inner,) = value.values()
    if not isinstance(inner, dict):
        raise invalid(FieldError(field=WRAPPER, reason="it is not an object"))
    return inner


def _named(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields by their names in snake_case. Raises a `Problem` for two of one name."""
    named: dict[str, object] = {}
    for name, value in fields.items():
        if _snake(name) in named:
            reason = "it is there twice, in two spellings"
            raise invalid(FieldError(field=f"{WRAPPER}.{_snake(name)}", reason=reason))
        named[_snake(name)] = value
    return named


def _unmasked(sent: Mapping[str, object], old: Mapping[str, object]) -> dict[str, object]:
    """Return options with the old value where a client sent back what it was shown masked."""
    return {name: old.get(name) if value == DOTS else value for name, value in sent.items()}


def _status(enabled: bool) -> SubscriptionStatus:
    return SubscriptionStatus.ENABLED if enabled else SubscriptionStatus.DISABLED


def _refuse_null(changes: Mapping[str, object]) -> None:
    wrong = [name for attribute, name in _NEVER_NULL.items() if changes.get(attribute, ...) is None]
    if wrong:
        raise invalid(
            *(FieldError(field=f"{WRAPPER}.{one}", reason="it cannot be null") for one in wrong)
        )


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _event_name_mistake(value: object) -> str | None:
    return text_mistake(value, LONGEST_NAME)


def _store_mistake(value: object) -> str | None:
    return count_mistake(value, 0, LARGEST_COUNT)


_MISTAKES: Final[Mapping[str, Callable[[object], str | None]]] = {
    "event_name": _event_name_mistake,
    "recipient_url": target_mistake,
    "verification_token": secret_mistake,
    "metadata": sink_mistake,
    "tenant": tenant_mistake,
    "store_id": _store_mistake,
    "maximum_deaths": deaths_mistake,
    "schedule": schedule_mistake,
    "jitter": jitter_mistake,
    "rate_limit": rate_mistake,
}


def _check(sent: AsyncEventInput) -> None:
    """Raise a `Problem` that names all fields that are out of their limits."""
    found = {
        name: mistake(getattr(sent, name))
        for name, mistake in _MISTAKES.items()
        if getattr(sent, name) is not None
    }
    wrong = [
        FieldError(field=f"{WRAPPER}.{name}", reason=f"it {text}")
        for name, text in found.items()
        if text is not None
    ]
    if wrong:
        raise invalid(*wrong)

"""Subscriptions as clients of the original send them, in its words: whole, or what is to change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from attrs import field, frozen

from asyncevents_core.domain.limits import LARGEST_COUNT, count_mistake
from asyncevents_core.domain.subscription import NewSubscription
from asyncevents_core.web.api.problems import ASYNC_EVENT, FieldError, invalid
from asyncevents_core.web.api.schemas.stores import tenant_of
from asyncevents_core.web.api.schemas.subscription_input import (
    SubscriptionInput,
    merged,
    mistakes,
    other_id,
)
from asyncevents_core.web.api.spelling import snake
from asyncevents_core.web.api.strict_body import read_object

DEFAULT_SINK: Final = "http"
OUR_WORDS: Final[Mapping[str, str]] = {
    "event_name": "event_name",
    "recipient_url": "target",
    "verification_token": "secret",
    "metadata": "sink",
    "tenant": "tenant",
    "maximum_deaths": "maximum_deaths",
    "schedule": "schedule",
    "jitter": "jitter",
    "rate_limit": "rate_limit",
    "filter": "filter",
    "warn_failures": "warn_failures",
    "warn_after": "warn_after",
    "disable_failures": "disable_failures",
    "disable_after": "disable_after",
    "options": "options",
}
"""What the fields are called elsewhere. `status` and `store_id` also have another form there."""

# As PHP casts them.
_FLAGS: Final[Mapping[object, bool]] = {
    0: False,
    1: True,
    "0": False,
    "1": True,
    "false": False,
    "true": True,
}
_NUMBERS: Final = ("store_id", "subscription_id")
_DIGITS: Final = re.compile("[0-9]{1,19}")
_IGNORED: Final = ("extension_attributes", "custom_attributes")
"""What modules of Magento may add to any object; nobody adds anything to a subscription here."""


@frozen(kw_only=True)
class AsyncEventInput:
    """What a client sends of a subscription.

    `subscribed_at` and `modified` are taken and left alone, so that a client may send back what it
    got.
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
    filter: Any = None
    warn_failures: int | None = None
    warn_after: float | None = None
    disable_failures: int | None = None
    disable_after: float | None = None
    options: Mapping[str, object] | None = field(default=None, repr=False)
    subscription_id: int | None = None
    subscribed_at: str | None = None
    modified: str | None = None


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
    """``{"asyncEvent": {…}}``, in snake_case or camelCase as Magento takes it. Null: not sent."""

    shape: ClassVar[type] = AsyncEventRequest

    def __init__(self, sent: AsyncEventInput, given: frozenset[str]) -> None:
        self._sent = sent
        self._given = given

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        plain = _named(_unwrapped(value))
        for name in _IGNORED:
            plain.pop(name, None)
        status = plain.get("status")
        if isinstance(status, str):
            status = status.lower()
        if isinstance(status, int | str) and status in _FLAGS:
            plain["status"] = _FLAGS[status]
        for name in _NUMBERS:
            number = plain.get(name)
            if isinstance(number, str) and _DIGITS.fullmatch(number):
                plain[name] = int(number)
        found = read_object(AsyncEventInput, plain, ASYNC_EVENT)
        _check(found)
        return cls(found, frozenset(plain))

    @property
    def subscription_id(self) -> int | None:
        """Which subscription it names; None for none. In the original 0 is none, too."""
        return self._sent.subscription_id or None

    def refuse_other(self, subscription_id: int) -> None:
        """Raise a `Problem` where it names another subscription than the path does."""
        if mistake := other_id(self._sent.subscription_id, subscription_id, ASYNC_EVENT):
            raise invalid(mistake)

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
        return self.merged(base)

    def merged(self, old: NewSubscription) -> NewSubscription:
        """Return a subscription with what the client sent; the rest stays. Raises a `Problem`."""
        sent = self._sent
        changes = {
            ours: getattr(sent, name)
            for name, ours in OUR_WORDS.items()
            if getattr(sent, name) is not None
        }
        if sent.store_id is not None:
            changes["tenant"] = self._tenant_of_store(sent.store_id)
        if sent.status is not None:
            changes["status"] = "enabled" if sent.status else "disabled"
        return merged(old, SubscriptionInput(**changes), changes)

    def require(self, *names: str) -> None:
        """Raise a `Problem` unless the client sent all of these."""
        missing = [one for one in names if getattr(self._sent, one) is None]
        if missing:
            raise invalid(
                *(
                    FieldError(field=f"{ASYNC_EVENT}.{one}", message="it is missing")
                    for one in missing
                )
            )

    def _tenant_of_store(self, store_id: int) -> str | None:
        tenant, of_store = self._sent.tenant, tenant_of(store_id)
        if "tenant" in self._given and tenant != of_store:
            raise invalid(
                FieldError(
                    field=f"{ASYNC_EVENT}.store_id",
                    message=f"it stands for tenant {of_store!r}, but tenant is {tenant!r}",
                )
            )
        return of_store


def _unwrapped(value: object) -> dict[str, object]:
    """Return what stands in the wrapper. Raises a `Problem`."""
    names = {ASYNC_EVENT, "async_event"}
    if not isinstance(value, dict) or not names & set(value):
        raise invalid(FieldError(field=ASYNC_EVENT, message="it is missing"))
    if unknown := sorted(set(value) - names):
        raise invalid(*(FieldError(field=one, message="no such field") for one in unknown))
    if len(value) > 1:
        raise invalid(
            FieldError(field=ASYNC_EVENT, message="it is there twice, as async_event too")
        )
    (inner,) = value.values()
    if not isinstance(inner, dict):
        raise invalid(FieldError(field=ASYNC_EVENT, message="it is not an object"))
    return inner


def _named(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields by their names in snake_case. Raises a `Problem` for two of one name."""
    named: dict[str, object] = {}
    for name, value in fields.items():
        if snake(name) in named:
            message = "it is there twice, in two spellings"
            raise invalid(FieldError(field=f"{ASYNC_EVENT}.{snake(name)}", message=message))
        named[snake(name)] = value
    return named


def _check(sent: AsyncEventInput) -> None:
    """Raise a `Problem` that names all fields that are out of their limits."""
    found = mistakes({ours: getattr(sent, name) for name, ours in OUR_WORDS.items()})
    wrong = {name: found[ours] for name, ours in OUR_WORDS.items() if ours in found}
    if sent.store_id is not None and (text := count_mistake(sent.store_id, 0, LARGEST_COUNT)):
        wrong["store_id"] = text
    if wrong:
        raise invalid(
            *(
                FieldError(field=f"{ASYNC_EVENT}.{name}", message=f"it {text}")
                for name, text in wrong.items()
            )
        )

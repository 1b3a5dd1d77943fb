"""What is to change of a subscription, in our words: the body of PATCH."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final, Literal, Self, cast

from attrs import evolve, field, frozen

from asyncevents_core.domain.event_pattern import pattern_mistake
from asyncevents_core.domain.failing import failures_mistake, seconds_mistake
from asyncevents_core.domain.limits import (
    deaths_mistake,
    jitter_mistake,
    rate_mistake,
    schedule_mistake,
    secret_mistake,
    sink_mistake,
    target_mistake,
    tenant_mistake,
)
from asyncevents_core.domain.subscription import (
    NewSubscription,
    RetryPolicy,
    SubscriptionStatus,
)
from asyncevents_core.showing import DOTS, shown
from asyncevents_core.web.api.problems import SUBSCRIPTION, FieldError, invalid
from asyncevents_core.web.api.strict_body import read_object

_READ_ONLY: Final = frozenset(
    {
        "subscription_id",
        "signed",
        "older_secrets_until",
        *("failures", "failing_since", "failing_error", "warned_at"),
        *("filtered", "filter_failed", "filter_error"),
        "unreadable",
        "subscribed_at",
        "modified_at",
    }
)
_NEVER_NULL: Final = ("event_name", "target", "sink", "status")
_RETRY: Final = ("maximum_deaths", "schedule", "jitter")
_FAILURE: Final = ("warn_failures", "warn_after", "disable_failures", "disable_after")


@frozen(kw_only=True)
class SubscriptionInput:
    """What is to change of a subscription: what is sent; null clears what can be empty.

    What only tells how a subscription is, such as `signed`, `failures` and `modified_at`, is taken
    and left alone, so that a client may send back what it got. A `secret` replaces all there are.
    """

    event_name: str | None = None
    target: str | None = None
    secret: str | None = field(default=None, repr=False)
    sink: str | None = None
    tenant: str | None = None
    status: Literal["enabled", "disabled"] | None = None
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
    signed: bool | None = None
    older_secrets_until: tuple[str | None, ...] | None = None
    failures: int | None = None
    failing_since: str | None = None
    failing_error: str | None = None
    warned_at: str | None = None
    filtered: int | None = None
    filter_failed: int | None = None
    filter_error: str | None = None
    unreadable: str | None = None
    subscribed_at: str | None = None
    modified_at: str | None = None

    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "target": "https://example.com/order_created",
        "rate_limit": 10,
        "status": "enabled",
    }


class SubscriptionBody:
    """The fields that a client sent of a subscription."""

    shape: ClassVar[type] = SubscriptionInput

    def __init__(self, sent: SubscriptionInput, given: frozenset[str]) -> None:
        self._sent = sent
        self._given = given

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        sent = read_object(SubscriptionInput, value, SUBSCRIPTION)
        # `read_object` has refused what is no object.
        given = frozenset(cast("Mapping[str, object]", value)) - _READ_ONLY
        wrong = [
            FieldError(field=f"{SUBSCRIPTION}.{name}", message="it cannot be null")
            for name in _NEVER_NULL
            if name in given and getattr(sent, name) is None
        ]
        found = mistakes({name: getattr(sent, name) for name in given})
        wrong += [
            FieldError(field=f"{SUBSCRIPTION}.{name}", message=f"it {text}")
            for name, text in found.items()
        ]
        if wrong:
            raise invalid(*wrong)
        return cls(sent, given)

    def refuse_other(self, subscription_id: int) -> None:
        """Raise a `Problem` where it names another subscription than the path does."""
        if mistake := other_id(self._sent.subscription_id, subscription_id, SUBSCRIPTION):
            raise invalid(mistake)

    def merged(self, old: NewSubscription) -> NewSubscription:
        """Return a subscription changed as the client wants it."""
        return merged(old, self._sent, self._given)


def merged(
    old: NewSubscription, sent: SubscriptionInput, given: Collection[str]
) -> NewSubscription:
    """Return a subscription with the fields in `given` as they were sent; the others stay."""
    changes: dict[str, Any] = {
        name: getattr(sent, name)
        for name in ("event_name", "target", "secret", "sink", "tenant", "rate_limit", "filter")
        if name in given
    }
    if sent.status is not None:
        changes["status"] = SubscriptionStatus(sent.status)
    if "options" in given:
        changes["options"] = _unmasked(sent.options or {}, old.options)
    return evolve(
        old,
        **changes,
        retry=_retry(old.retry, sent, given),
        failure=evolve(
            old.failure, **{name: getattr(sent, name) for name in _FAILURE if name in given}
        ),
    )


def other_id(named: int | None, wanted: int, path: str) -> FieldError | None:
    """Return what is wrong with the id that a body names, where the path says another one."""
    if named is None or named == wanted:
        return None
    message = f"it is {shown(named)}, but the path is that of subscription {wanted}"
    return FieldError(field=f"{path}.subscription_id", message=message)


def mistakes(values: Mapping[str, object]) -> dict[str, str]:
    """Return what is wrong with values by their fields' names, in words; null is no value."""
    found = {
        name: _MISTAKES[name](value)
        for name, value in values.items()
        if value is not None and name in _MISTAKES
    }
    return {name: text for name, text in found.items() if text is not None}


def _retry(old: RetryPolicy, sent: SubscriptionInput, given: Collection[str]) -> RetryPolicy:
    changes: dict[str, Any] = {name: getattr(sent, name) for name in _RETRY if name in given}
    if "jitter" in changes and sent.jitter is None:
        changes["jitter"] = 0.0
    return evolve(old, **changes)


def _unmasked(sent: Mapping[str, object], old: Mapping[str, object]) -> dict[str, object]:
    """Return options with the old value where a client sent back what it was shown masked."""
    return {name: old.get(name) if value == DOTS else value for name, value in sent.items()}


_MISTAKES: Final[Mapping[str, Callable[[object], str | None]]] = {
    "event_name": pattern_mistake,
    "target": target_mistake,
    "secret": secret_mistake,
    "sink": sink_mistake,
    "tenant": tenant_mistake,
    "maximum_deaths": deaths_mistake,
    "schedule": schedule_mistake,
    "jitter": jitter_mistake,
    "rate_limit": rate_mistake,
    "warn_failures": failures_mistake,
    "warn_after": seconds_mistake,
    "disable_failures": failures_mistake,
    "disable_after": seconds_mistake,
}

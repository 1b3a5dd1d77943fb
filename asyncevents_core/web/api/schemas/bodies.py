"""Small bodies of requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

from attrs import field, frozen

from asyncevents_core.domain.limits import LARGEST_ID
from asyncevents_core.errors import InvalidValue
from asyncevents_core.settings.run_time import CHANGEABLE, check_value
from asyncevents_core.web.api.problems import FieldError, invalid
from asyncevents_core.web.api.strict_body import read_object

_MOST_IDS: Final = 1000


@frozen(kw_only=True)
class StatusChange:
    """Subscriptions to enable or to disable, all or none of them."""

    subscription_ids: tuple[int, ...]
    status: Literal["enabled", "disabled"]

    shape: ClassVar[type]
    EXAMPLE: ClassVar[Mapping[str, object]] = {"subscription_ids": [1, 2], "status": "disabled"}

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        found = read_object(cls, value, "body")
        ids = found.subscription_ids
        if not 0 < len(ids) <= _MOST_IDS or not all(0 < one <= LARGEST_ID for one in ids):
            message = f"it has 1 to {_MOST_IDS} ids of subscriptions"
            raise invalid(FieldError(field="body.subscription_ids", message=message))
        return found


StatusChange.shape = StatusChange


@frozen(kw_only=True)
class TestEvent:
    """What to send as a test; `data` becomes the data of the CloudEvent."""

    data: Mapping[str, object] = field(factory=lambda: {"test": True})

    shape: ClassVar[type]
    EXAMPLE: ClassVar[Mapping[str, object]] = {"data": {"test": True}}

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        return read_object(cls, value, "body")


TestEvent.shape = TestEvent


@frozen(kw_only=True)
class ConfigurationChange:
    """Values to set at run time; null goes back to the setting."""

    MAXIMUM_DEATHS: int | None = None
    INDEXING_ENABLED: bool | None = None
    LOG_CLEANUP_ENABLED: bool | None = None
    LOG_LIFETIME_DAYS: int | None = None

    EXAMPLE: ClassVar[Mapping[str, object]] = {"MAXIMUM_DEATHS": 5}


class ConfigurationBody:
    """Values by the names of their settings."""

    shape: ClassVar[type] = ConfigurationChange

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        if not isinstance(value, dict):
            raise invalid(FieldError(field="body", message="it is not an object"))
        mistakes = [one for one in (_mistake(*pair) for pair in value.items()) if one is not None]
        if mistakes:
            raise invalid(*mistakes)
        return cls(value)


def _mistake(name: str, value: object) -> FieldError | None:
    if value is None and name in CHANGEABLE:
        return None
    try:
        check_value(name, value)
    except InvalidValue as error:
        return FieldError(field=error.field, message=str(error))
    return None

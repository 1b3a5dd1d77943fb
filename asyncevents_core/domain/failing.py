"""Recipients that fail time after time: when people are warned, and when deliveries to them end."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final

from attrs import Attribute, evolve, field, fields, frozen

from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.limits import LARGEST_COUNT, LONGEST_DELAY, count_mistake, within
from asyncevents_core.errors import InvalidValue
from asyncevents_core.showing import shown

LONGEST_ERROR: Final = 500
_FEWEST: Final = 2
"""Failures in a row that are more than a coincidence, however long there was nothing to send."""


def failures_mistake(value: object) -> str | None:
    """Check a number of failures in a row; 0: never."""
    return count_mistake(value, 0, LARGEST_COUNT)


def seconds_mistake(value: object) -> str | None:
    """Check for how long failures may go on; 0: for ever."""
    if within(value, 0, LONGEST_DELAY):
        return None
    return f"must be a number from 0 to {LONGEST_DELAY:.0f} seconds, not {shown(value)}"


def _checked(mistake: Callable[[object], str | None]) -> Callable[[Any, Attribute[Any], Any], None]:
    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and (wrong := mistake(value)):
            raise InvalidValue(f"{attribute.name} {wrong}", field=attribute.name)

    return check


@frozen(kw_only=True, repr=False)
class FailurePolicy:
    """When attempts that fail in a row are said, and when they end a subscription.

    People are warned after `warn_failures` of them, or when they have gone on for `warn_after`
    seconds; the subscription is disabled after `disable_failures`, or `disable_after` seconds. 0:
    never. None: as the settings say. Raises `InvalidValue` for what is out of its limits.
    """

    warn_failures: int | None = field(default=None, validator=_checked(failures_mistake))
    warn_after: float | None = field(default=None, validator=_checked(seconds_mistake))
    disable_failures: int | None = field(default=None, validator=_checked(failures_mistake))
    disable_after: float | None = field(default=None, validator=_checked(seconds_mistake))

    def __repr__(self) -> str:
        said = [f"{name}={value!r}" for name, value in self.said.items() if value is not None]
        return f"FailurePolicy({', '.join(said)})"

    def over(self, other: FailurePolicy) -> FailurePolicy:
        """Return this policy with what it does not say from another one."""
        said: dict[str, Any] = {k: v for k, v in self.said.items() if v is not None}
        return evolve(other, **said)

    @property
    def said(self) -> dict[str, float | None]:
        """Its values by name."""
        return {one.name: getattr(self, one.name) for one in fields(FailurePolicy)}


USUAL: Final = FailurePolicy(
    warn_failures=20, warn_after=3_600.0, disable_failures=0, disable_after=5 * 86_400.0
)
"""As the settings come. Five days: as others have it, and longer than a weekend."""


class Turn(enum.Enum):
    """What a streak of failures comes to."""

    NONE = enum.auto()
    WARN = enum.auto()
    DISABLE = enum.auto()
    RECOVER = enum.auto()
    """It is over, and people were warned of it."""


@frozen(kw_only=True)
class Streak:
    """Attempts to a recipient that failed in a row: none if `failures` is 0.

    `since` is when the first of them failed, `warned_at` when people were warned, in microseconds;
    `error` is what the last one failed with.
    """

    failures: int = 0
    since: int | None = None
    error: str | None = None
    warned_at: int | None = None

    def turn(self, policy: FailurePolicy, now: int) -> Turn:
        """Say what it comes to now; `policy` says everything."""
        if self._has_reached(policy.disable_failures, policy.disable_after, now):
            return Turn.DISABLE
        warned = self.warned_at is not None
        if not warned and self._has_reached(policy.warn_failures, policy.warn_after, now):
            return Turn.WARN
        return Turn.NONE

    def _has_reached(self, failures: int | None, after: float | None, now: int) -> bool:
        if failures and self.failures >= failures:
            return True
        if not after or self.since is None or self.failures < _FEWEST:
            return False
        return now - self.since >= micros(after)

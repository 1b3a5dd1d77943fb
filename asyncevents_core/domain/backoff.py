"""When to retry: pure functions of the number of deaths, with the randomness passed in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from asyncevents_core.domain.subscription import RetryPolicy

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


@frozen(kw_only=True)
class RetrySchedule:
    """When a delivery is tried again whose subscription says nothing of that.

    `delays` are the seconds before each retry; the last one repeats where there are more. `retries`
    is how many there are, unless MAXIMUM_DEATHS says so. `jitter` is the fraction (0..1) by which
    a delay may vary.
    """

    name: str
    delays: tuple[float, ...]
    retries: int
    jitter: float = 0.0

    def delay(self, deaths: int) -> float:
        """Return the seconds before the retry that follows failure number `deaths`, from 1 on."""
        return self.delays[min(deaths, len(self.delays)) - 1]

    def lasts(self, retries: int) -> float:
        """Return the seconds from the first failure to the last of so many retries."""
        listed, repeated = self.delays[:retries], max(0, retries - len(self.delays))
        return sum(listed) + repeated * self.delays[-1]


MINUTE: Final = RetrySchedule(
    name="minute",
    # As mageos-async-events: the square of the number, up to a minute.
    delays=tuple(float(min(60, n**2)) for n in range(1, 9)),
    retries=5,
)
"""Ends after 55 s: quick to watch while one develops."""
DAYS: Final = RetrySchedule(
    name="days",
    delays=(
        *(5.0, 30.0, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
        *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR),
        *[12 * _HOUR] * 5,
    ),
    retries=14,
    # What failed together, as while a recipient was down, does not come back together.
    jitter=0.2,
)
"""Ends after three days: a recipient may be down for a weekend."""
SCHEDULES: Final[Mapping[str, RetrySchedule]] = MappingProxyType(
    {one.name: one for one in (MINUTE, DAYS)}
)
"""What RETRY_SCHEDULE can name."""


def backoff(deaths: int, policy: RetryPolicy, usual: RetrySchedule = MINUTE) -> float:
    """Return the seconds before the retry that follows failure number `deaths` (from 1 on).

    By the subscription's own schedule, if its policy has one, else by the `usual` one.
    """
    if policy.schedule is not None:
        return policy.schedule[min(deaths, len(policy.schedule)) - 1]
    return usual.delay(deaths)


def retry_delay(
    deaths: int,
    policy: RetryPolicy,
    usual: RetrySchedule = MINUTE,
    *,
    retry_after: float | None,
    retry_after_max: float,
    random: float,
) -> float:
    """Return the seconds until the next attempt: ``max(backoff, min(Retry-After, cap))``.

    `random` in 0..1 moves the backoff by up to ± jitter: the policy's, or that of the `usual`
    schedule where this is followed and has more. Retry-After is a floor and is not moved.
    """
    jitter = policy.jitter
    if policy.schedule is None:
        jitter = max(jitter, usual.jitter)
    delay = backoff(deaths, policy, usual) * (1 + jitter * (2 * random - 1))
    if retry_after is not None:
        delay = max(delay, min(max(retry_after, 0.0), retry_after_max))
    return delay


def exhausted(deaths: int, policy: RetryPolicy, *, default_maximum: int) -> bool:
    """Tell whether failure number `deaths` was the last one allowed."""
    maximum = policy.maximum_deaths
    return deaths > (default_maximum if maximum is None else maximum)

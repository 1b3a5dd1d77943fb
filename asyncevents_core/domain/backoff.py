"""When to retry: pure functions of the number of deaths, with the randomness passed in."""

from __future__ import annotations

from asyncevents_core.domain.subscription import RetryPolicy

DEFAULT_MAXIMUM_DEATHS = 5
LONGEST_BACKOFF = 60.0


def backoff(deaths: int, policy: RetryPolicy) -> float:
    """Return the seconds before the retry that follows failure number `deaths` (from 1 on).

    By default ``min(60, n ** 2)``: 1, 4, 9, 16, 25, … as mageos-async-events does.
    """
    if policy.schedule is not None:
        return policy.schedule[min(deaths, len(policy.schedule)) - 1]
    return min(LONGEST_BACKOFF, float(deaths**2))


def retry_delay(
    deaths: int,
    policy: RetryPolicy,
    *,
    retry_after: float | None,
    retry_after_max: float,
    random: float,
) -> float:
    """Return the seconds until the next attempt: ``max(backoff, min(Retry-After, cap))``.

    `random` in 0..1 moves the backoff by up to ± jitter; Retry-After is a floor and is not
    moved.
    """
    delay = backoff(deaths, policy) * (1 + policy.jitter * (2 * random - 1))
    if retry_after is not None:
        delay = max(delay, min(max(retry_after, 0.0), retry_after_max))
    return delay


def exhausted(deaths: int, policy: RetryPolicy, *, default_maximum: int) -> bool:
    """Tell whether failure number `deaths` was the last one allowed."""
    maximum = policy.maximum_deaths
    return deaths > (default_maximum if maximum is None else maximum)

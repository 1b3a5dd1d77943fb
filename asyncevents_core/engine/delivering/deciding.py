"""What becomes of a failed attempt: tried again after so long, or given up."""

from __future__ import annotations

import logging
import math
from typing import Final

from asyncevents_core.domain.instant import micros, to_datetime
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.engine.delivering.leases import Lease
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.ports.retry_policy import FailedAttempt, RetryPolicyType

logger = logging.getLogger("asyncevents.retries")

LONGEST_DELAY: Final = 366 * 86_400.0
"""Seconds until a retry, at most."""


def delay_after(
    lease: Lease, outcome: Outcome, ended: float, *, policy: Policy, random: float
) -> float | None:
    """Return the seconds until the next attempt; None: the delivery is given up.

    `ended` is when the attempt was over, in seconds since the lease; `random` is for jitter.
    """
    deaths, retry = lease.delivery.deaths + 1, lease.subscription.retry
    usual: float | None = None
    if not policy.is_exhausted(deaths, retry):
        usual = policy.delay(deaths, retry, retry_after=outcome.retry_after, random=random)
    if policy.retry_policy is None or not policy.retries:
        return usual
    subscription, event = lease.subscription, lease.event
    failed = FailedAttempt(
        event_name=event.name,
        tenant=event.tenant,
        subscription_id=subscription.id,
        sink=subscription.sink,
        target=subscription.target,
        outcome=outcome,
        deaths=deaths,
        at=to_datetime(lease.leased_at + micros(ended)),
        published_at=to_datetime(event.created_at),
        usual=usual,
    )
    return _decided(policy.retry_policy, failed)


def _decided(policy: RetryPolicyType, failed: FailedAttempt) -> float | None:
    try:
        delay = policy.decide(failed)
        if delay is None:
            return None
        if not math.isfinite(delay) or delay < 0:
            raise TypeError(f"{delay!r} is no number of seconds")
    except Exception:
        logger.exception(
            "a retry policy failed; its subscription's own settings are taken",
            extra={"policy": policy.name, "subscription": failed.subscription_id},
        )
        return failed.usual
    return min(float(delay), LONGEST_DELAY)

"""Contract of a retry policy: when a failed delivery is attempted again, and when it is given up.

Who wakes it up then is another matter: see `ports.retry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from asyncevents_core.domain.outcome import Outcome


@frozen(kw_only=True)
class FailedAttempt:
    """An attempt that failed and may be made again.

    `deaths` are the failures of this delivery, this one too. `at` is when the attempt was over,
    `published_at` when the event was published: both aware, in UTC. `usual` is what would become of
    it without a policy, by the subscription's own settings and the recipient's Retry-After:
    seconds until the next attempt; None: it is given up.
    """

    event_name: str
    tenant: str | None
    subscription_id: int
    sink: str
    target: str = field(repr=False)
    outcome: Outcome
    deaths: int
    at: datetime
    published_at: datetime
    usual: float | None


class RetryPolicyType(ABC):
    """What a plugin registers: a retry policy, chosen by RETRY_POLICY. Thread-safe, no I/O.

    `name` is what RETRY_POLICY calls it.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def decide(self, failed: FailedAttempt) -> float | None:
        """Return the seconds until the next attempt, 0 or more; None: give the delivery up.

        Asked for failures that may be retried only. Must be quick. What it raises, or what is no
        such number, is logged, and `usual` is taken.
        """

"""Attempts counted, for people who look at many of them: by minute, by bucket, by subscription."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Self

from attrs import field, frozen

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import Fate

MINUTE: Final = 60_000_000
"""Microseconds."""

_A_DECADE: Final = 10
_DECADES: Final = 8
TIME_BOUNDS: Final = tuple(
    round(1000 * 10 ** (number / _A_DECADE)) for number in range(_A_DECADE * _DECADES + 1)
)
"""Bounds of the buckets of `Times`, microseconds: from a millisecond to 28 hours, ten to a decade.

Bucket 0 is below the first, bucket n between bounds n - 1 and n, the last one above them all.
"""


@frozen(kw_only=True)
class Times:
    """How often things took how long: counts by bucket, see `TIME_BOUNDS`."""

    counts: Mapping[int, int] = field(factory=lambda: MappingProxyType({}))

    @classmethod
    def together(cls, several: Iterable[Self]) -> Self:
        """Return the sum of several."""
        counts: dict[int, int] = {}
        for one in several:
            for bucket, count in one.counts.items():
                counts[bucket] = counts.get(bucket, 0) + count
        return cls(counts=MappingProxyType(counts))

    def quantile(self, share: float) -> float | None:
        """Return within how many seconds this share of things (0 to 1) was done; None of nothing.

        It is the middle of a bucket, so it is off by an eighth at most (12.2 %) between a
        millisecond and 28 hours. What is beyond is told as one of these two.

        >>> round(Times(counts={20: 9, 40: 1}).quantile(0.5), 3)
        0.089
        """
        wanted = max(1, math.ceil(share * sum(self.counts.values())))
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return _middle(bucket) / 1e6
        return None


def _middle(bucket: int) -> float:
    lower = TIME_BOUNDS[max(0, bucket - 1)]
    upper = TIME_BOUNDS[min(bucket, len(TIME_BOUNDS) - 1)]
    return math.sqrt(lower * upper)


@frozen(kw_only=True)
class Minute:
    """The attempts that began in one minute, which begins at `at` (microseconds).

    `fates` counts them by what became of them until now. `times` are those from the publication of
    an event to the end of the attempt that delivered it; of a replay, from the replay. If it is
    not `exact`, there were more attempts than were counted.
    """

    at: int
    fates: Mapping[Fate, int] = field(factory=lambda: MappingProxyType({}))
    times: Times = field(factory=Times)
    exact: bool = True

    @property
    def attempts(self) -> int:
        """How many attempts there were."""
        return sum(self.fates.values())


@frozen(kw_only=True)
class SubscriptionFigures:
    """The latest attempts of one subscription. Durations are seconds; `failures` of `attempts`."""

    subscription_id: int
    event_name: str
    sink: str
    target: str
    attempts: int
    failures: int
    mean_duration: float
    longest_duration: float


@frozen(kw_only=True)
class LatestOutcomes:
    """The outcomes of the latest attempts of subscriptions, oldest first, by their ids.

    Those without any are left out. If it is not `complete`, there were more attempts than were
    read, and those that are left out may have had some before.
    """

    by_subscription: Mapping[int, Sequence[OutcomeKind]]
    complete: bool

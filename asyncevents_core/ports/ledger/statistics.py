"""Contract of the ledger's statistics: attempts counted, for people who look at many of them.

Each is one query over a limited number of the newest attempts, so that none takes longer as the
ledger grows. With a `tenant` those of its subscriptions are counted only; None: all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Final

from asyncevents_core.domain.histogram import Buckets, Histogram
from asyncevents_core.domain.statistics import LatestOutcomes, Minute, SubscriptionFigures
from asyncevents_core.domain.trace import LogFilter

COUNTED_BY_MINUTE: Final = 100_000
COUNTED_LATELY: Final = 5_000
COUNTED_IN_LOG: Final = 50_000
COUNTED_FOR_HEALTH: Final = 10_000
"""Attempts that are read at most, the newest ones; of other tenants, too."""


class StatisticsView(ABC):
    """Reads of many attempts at once."""

    @abstractmethod
    def minutes(
        self,
        *,
        since: int,
        until: int,
        tenant: str | None = None,
        most: int = COUNTED_BY_MINUTE,
    ) -> Sequence[Minute]:
        """Return the minutes between two times (microseconds), oldest first, empty ones too.

        The first begins at `since` or up to a minute before. Where there are more than `most`
        attempts, minutes that are not read as a whole are missing at the beginning; the last
        one is there in any case, and tells whether it is `exact`.
        """

    @abstractmethod
    def subscriptions_lately(
        self, *, tenant: str | None = None, most: int = COUNTED_LATELY
    ) -> Sequence[SubscriptionFigures]:
        """Return, by id, the subscriptions that have some of the newest `most` attempts."""

    @abstractmethod
    def health(
        self,
        subscription_ids: Collection[int],
        *,
        since: int,
        each: int = 100,
        most: int = COUNTED_FOR_HEALTH,
    ) -> LatestOutcomes:
        """Return the outcomes of the newest attempts of subscriptions.

        Of each up to so many, begun since a time (microseconds) and among the newest `most` of
        all.
        """

    @abstractmethod
    def log_histogram(
        self, wanted: LogFilter, buckets: Buckets, *, most: int = COUNTED_IN_LOG
    ) -> Histogram:
        """Count the attempts that a filter means by time; its own times are not looked at.

        Of more than `most` attempts in that time, whatever the filter, the newest are counted.
        """

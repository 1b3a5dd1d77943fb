"""Contract of the ledger's rates: what subscriptions may receive, over all workers together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True)
class Wish:
    """How many deliveries of a subscription would start, at most `rate` a second (all workers)."""

    rate: float
    count: int


@frozen(kw_only=True)
class Turns:
    """How many of them may start now; `wait` seconds until another one may, if it is not more."""

    count: int
    wait: float


class Rates(ABC):
    """Rates in a transaction."""

    @abstractmethod
    def take(self, wishes: Mapping[int, Wish]) -> Mapping[int, Turns]:
        """Take turns for subscriptions, by id. What is not used is lost.

        A subscription gets those of one second at once, at most, and at least one. Those whose row
        others have locked get none: nobody is waited for.
        """

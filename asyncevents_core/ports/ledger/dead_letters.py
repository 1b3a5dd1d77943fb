"""Contract of the ledger's dead letters: dead deliveries, and events that failed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from uuid import UUID

from asyncevents_core.domain.delivery import Delivery
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import DeadLetter


class DeadLetters(ABC):
    """Dead letters in a transaction. Both wait for the locks of others."""

    @abstractmethod
    def lock_deliveries(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[Delivery]:
        """Lock dead deliveries that the filter matches, by id, from behind `after` on.

        Their events are locked too, so that the clean-up leaves them alone.
        """

    @abstractmethod
    def lock_events(self, wanted: DeadFilter, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Lock failed events that the filter matches, by id, from behind `after` on."""


class DeadLettersView(ABC):
    """Reads of dead letters."""

    @abstractmethod
    def page(self, wanted: DeadFilter, *, limit: int, before: UUID | None) -> Sequence[DeadLetter]:
        """Return the dead deliveries and failed events that a filter matches, by id.

        Page on with `before` = the last id.
        """

    @abstractmethod
    def count(self, wanted: DeadFilter) -> int:
        """Return how many dead deliveries and failed events a filter matches."""

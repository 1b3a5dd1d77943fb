"""What brings the ids of committed events to who delivers them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from uuid import UUID


class IdCarrier(ABC):
    """Brings ids to workers by way of the broker, or delivers the events itself. Thread-safe."""

    works: bool = True
    """Whether ids arrive at the moment, as far as it knows. If not, workers look for new events
    at once.
    """

    @abstractmethod
    def submit(self, ids: Sequence[UUID]) -> None:
        """Take ids of events that are committed."""


class NobodyNeeded(IdCarrier):
    """For a ledger that tells workers of its events by itself."""

    works = False

    def submit(self, ids: Sequence[UUID]) -> None:
        """See `IdCarrier`."""

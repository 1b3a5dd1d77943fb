"""Contract of the ledger's own id, and of those with whom it shares a broker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from uuid import UUID

from asyncevents_core.domain.neighbour import Neighbour


class Neighbours(ABC):
    """Whose messages workers met in queues of this ledger's."""

    @abstractmethod
    def note(self, met: Sequence[Neighbour]) -> None:
        """Write down that they were seen now; each queue and ledger once. Old ones are dropped."""


class NeighboursView(ABC):
    """Reads of them."""

    @abstractmethod
    def ledger_id(self) -> UUID | None:
        """Return the id of this ledger, made with its schema; a copy of the database has the same.

        None where somebody has removed it.
        """

    @abstractmethod
    def seen(self, *, since: int) -> Sequence[Neighbour]:
        """Return those that were seen since then, the last one first."""

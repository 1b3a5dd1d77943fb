"""Contract of the ledger's workers: who is alive, and what the others leave behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from uuid import UUID

from asyncevents_core.domain.worker import WorkerRow


class Workers(ABC):
    """Workers in a transaction."""

    @abstractmethod
    def beat(self, worker: WorkerRow) -> None:
        """Insert the worker or set its beat_at to now."""

    @abstractmethod
    def remove(self, worker_id: UUID) -> None:
        """Delete the worker's row, if there is one."""

    @abstractmethod
    def silent(self, *, before: int) -> Sequence[WorkerRow]:
        """Return the workers whose last beat is older than `before`."""

    @abstractmethod
    def expire_leases(self, owners: Collection[UUID], *, limit: int) -> int:
        """Make up to `limit` running leases of these owners due now, of events and deliveries.

        Passes over those that others have locked. Return how many.
        """

    @abstractmethod
    def leasing(self, owners: Collection[UUID]) -> set[UUID]:
        """Return which of these have running leases, locked ones too."""


class WorkersView(ABC):
    """Reads of workers."""

    @abstractmethod
    def all(self) -> Sequence[WorkerRow]:
        """Return the workers known, by start."""

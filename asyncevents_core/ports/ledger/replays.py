"""Contract of the ledger's replays: requests to send again, and those that run as jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from uuid import UUID

from asyncevents_core.domain.delivery import Delivery
from asyncevents_core.domain.replay import ReplayRequest
from asyncevents_core.domain.replay_job import ReplayJob


class Replays(ABC):
    """Replays in a transaction. What they send again: `DeadLetters`, or what a search found."""

    @abstractmethod
    def insert(self, request: ReplayRequest) -> None:
        """Note a request, made now; one that is there already is passed over."""

    @abstractmethod
    def lock_found(self, log_ids: Collection[int], *, tenant: str | None) -> Sequence[Delivery]:
        """Lock the deliveries of these attempts, by id, each of them once; and their events.

        Waits for their locks. With `tenant` only those of that tenant's subscriptions.
        """

    @abstractmethod
    def insert_job(self, job: ReplayJob) -> None:
        """Insert a job, made now; one that is there already is passed over."""

    @abstractmethod
    def lock_job(self, job_id: UUID) -> ReplayJob | None:
        """Lock and return a job, waiting for others."""

    @abstractmethod
    def lock_due_job(self) -> ReplayJob | None:
        """Lock and return the oldest job that is not over and whose due_at has come."""

    @abstractmethod
    def update_job(self, job: ReplayJob) -> None:
        """Set state, phase, place, counts, owner and times of a locked job."""


class ReplaysView(ABC):
    """Reads of replays."""

    @abstractmethod
    def job(self, job_id: UUID) -> ReplayJob | None:
        """Return a job."""

    @abstractmethod
    def jobs(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[ReplayJob]:
        """Return jobs, those whose filter has that tenant if one is given."""

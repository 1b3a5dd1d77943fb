"""Contract of the ledger's rows of access; a part of the contract in `ledger`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from uuid import UUID

from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.idempotency import EarlierResult, IdempotentRequest
from asyncevents_core.domain.replay_job import ReplayJob
from asyncevents_core.domain.token import ApiToken


class AccessOperations(ABC):
    """Operations of a transaction on tokens, the audit log, idempotency keys, overrides, jobs."""

    # -- replays as jobs --------------------------------------------------------------------

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

    # -- access -----------------------------------------------------------------------------

    @abstractmethod
    def insert_token(self, token: ApiToken) -> None:
        """Insert a token, made now; one that is there already is passed over."""

    @abstractmethod
    def revoke_token(self, token_id: UUID) -> bool:
        """Revoke a token now; False if there is none, or it was revoked before."""

    @abstractmethod
    def touch_token(self, token_id: UUID) -> None:
        """Note that a token was used now."""

    @abstractmethod
    def write_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries, made now; those that are there already are passed over."""

    @abstractmethod
    def begin_request(self, request: IdempotentRequest) -> EarlierResult | None:
        """Return what became of a request of that key, waiting for one that is under way.

        None: nobody made it in the last `KEPT_FOR` seconds. Do it now, and `finish_request`.
        """

    @abstractmethod
    def finish_request(self, request: IdempotentRequest, result: str) -> None:
        """Say what became of a request that was begun in this transaction."""

    @abstractmethod
    def set_override(self, name: str, value: int | bool | None, *, by: str) -> None:
        """Set a value in the ledger instead of the setting of that name; None: no more."""

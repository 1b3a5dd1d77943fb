"""Contract of the ledger's access: tokens, the audit log, idempotent requests, overrides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.idempotency import EarlierResult, IdempotentRequest
from asyncevents_core.domain.token import ApiToken

AUDIT_READ: Final = 10_000
"""Entries of the audit log that are looked through for those of one subscription."""


@frozen(kw_only=True)
class Override:
    """What operators set at run time: a value in the ledger instead of a setting's.

    `name` is the setting's, in capitals.
    """

    name: str
    value: int | bool
    changed_by: str
    changed_at: int = 0


class Access(ABC):
    """Access in a transaction."""

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


class AccessView(ABC):
    """Reads of access."""

    @abstractmethod
    def token(self, token_id: UUID) -> ApiToken | None:
        """Return a token, revoked ones too."""

    @abstractmethod
    def tokens(self) -> Sequence[ApiToken]:
        """Return all tokens, oldest first."""

    @abstractmethod
    def audit(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[AuditEntry]:
        """Return the audit log; page on with `before` = the last id."""

    @abstractmethod
    def changes_of(
        self, subscription_id: int, *, limit: int, since: int = 0, tenant: str | None = None
    ) -> Sequence[AuditEntry]:
        """Return what was done to a subscription since a time (microseconds), newest first.

        Among the newest `AUDIT_READ` entries of the whole audit log.
        """

    @abstractmethod
    def overrides(self) -> Sequence[Override]:
        """Return what is set in the ledger instead of a setting, by name."""

"""API tokens: a random text that is shown once, and of which the ledger keeps a hash."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.allowance import Allowance, SinkAllowance
from asyncevents_core.domain.credential import Credential, new_credential, read_credential

_PREFIX: Final = "aet_"


class TokenState(enum.StrEnum):
    """Only valid ones are accepted."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@frozen(kw_only=True)
class ApiToken:
    """A token's row; times are microseconds since the epoch.

    `sinks` are those that it may subscribe, ``*`` stands for any; None: what its tenant may.
    """

    id: UUID
    digest: bytes = field(repr=False)
    name: str
    resources: tuple[str, ...]
    tenant: str | None = None
    sinks: Mapping[str, SinkAllowance] | None = None
    created_at: int = 0
    expires_at: int | None = None
    revoked_at: int | None = None
    used_at: int | None = None

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """What bounds it besides its tenant."""
        return () if self.sinks is None else (Allowance(whose="this token", sinks=self.sinks),)

    def state(self, now: int) -> TokenState:
        """Return whether it is accepted at `now`, and if not, why."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return TokenState.EXPIRED
        return TokenState.VALID

    def is_valid(self, now: int) -> bool:
        """Tell whether it is neither revoked nor expired."""
        return self.state(now) is TokenState.VALID


def new_token() -> Credential:
    """Return a new token, which begins with ``aet_``."""
    return new_credential(_PREFIX)


def read_token(text: str) -> Credential | None:
    """Read what a client sent; None if it cannot be a token."""
    return read_credential(text, _PREFIX)

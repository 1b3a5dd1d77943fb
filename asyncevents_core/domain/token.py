"""API tokens: a random text that is shown once, and of which the ledger keeps a hash."""

from __future__ import annotations

import enum
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.allowance import Allowance, SinkAllowance
from asyncevents_core.domain.instant import uuid7

_PREFIX: Final = "aet_"
_SHAPE: Final = re.compile(rf"{_PREFIX}([0-9a-f]{{32}})_[A-Za-z0-9_-]{{43}}")


class TokenState(enum.StrEnum):
    """Only valid ones are accepted."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@frozen(kw_only=True)
class ApiToken:
    """A token's row; times are microseconds since the epoch.

    `sinks` are those that it may subscribe, ``*`` stands for any; None: what its tenant may.
    `digest` is the SHA-256 of the text, which has 256 random bits: nothing slower is needed.
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

    def fits(self, digest: bytes) -> bool:
        """Compare digests in constant time."""
        return secrets.compare_digest(self.digest, digest)


@frozen(kw_only=True)
class TokenText:
    """What a client sends; it names the row, so that no table of hashes is searched."""

    id: UUID
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).digest()


def new_token() -> TokenText:
    """Return a new token: ``aet_``, its id, and 32 random bytes in URL-safe base64."""
    made = uuid7()
    return TokenText(id=made, text=f"{_PREFIX}{made.hex}_{secrets.token_urlsafe(32)}")


def read_token(text: str) -> TokenText | None:
    """Read what a client sent; None if it cannot be a token."""
    found = _SHAPE.fullmatch(text)
    return None if found is None else TokenText(id=UUID(found[1]), text=text)

"""Texts by which somebody is recognised: random, shown once; the ledger keeps a hash of them."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.showing import DOTS

_SHAPE: Final = re.compile(r"([a-z]+_)([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


@frozen(kw_only=True)
class Credential:
    """What a client sends; it names the row, so that no table of hashes is searched."""

    id: UUID
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the text, which has 256 random bits: nothing slower is needed."""
        return hashlib.sha256(self.text.encode()).digest()

    def fits(self, digest: bytes) -> bool:
        """Tell in constant time whether it is the text of a row with this digest."""
        return secrets.compare_digest(self.digest, digest)


def new_credential(prefix: str) -> Credential:
    """Return a new one: the prefix, such as ``aet_``, its id, 32 random bytes in base64."""
    made = uuid7()
    return Credential(id=made, text=f"{prefix}{made.hex}_{secrets.token_urlsafe(32)}")


def read_credential(text: str, prefix: str) -> Credential | None:
    """Read what a client sent; None if it cannot be one with this prefix."""
    found = _SHAPE.fullmatch(text)
    if found is None or found[1] != prefix:
        return None
    return Credential(id=UUID(found[2]), text=text)


def without_credentials(text: str) -> str:
    """Return a text in which nobody finds a credential: of each its row's id is left."""
    return _SHAPE.sub(rf"\1\2_{DOTS}", text)

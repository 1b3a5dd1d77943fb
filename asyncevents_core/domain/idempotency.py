"""Idempotency keys: the same request, sent twice, is done once."""

from __future__ import annotations

import hashlib
from typing import Final

from attrs import frozen

KEPT_FOR: Final = 86_400
"""Seconds for which a key is remembered."""


@frozen(kw_only=True)
class IdempotentRequest:
    """A request that is to be done once. `key` and `digest` are SHA-256 in hexadecimal.

    `key` stands for who asked under which key, `digest` for what was asked.
    """

    key: str
    digest: str

    @classmethod
    def of(cls, who: str, key: str, what: bytes) -> IdempotentRequest:
        """Return it for the key that somebody sent along with a request."""
        return cls(
            key=hashlib.sha256(f"{who}\0{key}".encode()).hexdigest(),
            digest=hashlib.sha256(what).hexdigest(),
        )


@frozen(kw_only=True)
class EarlierResult:
    """What became of the request: the id of what it made."""

    digest: str
    result: str

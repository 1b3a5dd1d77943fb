"""Standard Webhooks signatures.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from asyncevents_core.plugin import private_key, symmetric_key

_PRIVATE: Final = "whsk_"
_BLOCK: Final = 64
"""Bytes of a block of SHA-256."""
_INNER_PAD: Final = bytes(one ^ 0x36 for one in range(256))
_OUTER_PAD: Final = bytes(one ^ 0x5C for one in range(256))


class Signer(ABC):
    """Signs with one secret. Immutable, thread-safe."""

    @abstractmethod
    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """Return one element of the header `webhook-signature`."""


class HmacSigner(Signer):
    """Version v1: HMAC-SHA256.

    The two hashes of HMAC (RFC 2104) are kept with the key in them. To copy these takes less time
    than to copy a whole `hmac.HMAC`.
    """

    def __init__(self, token: str) -> None:
        key = symmetric_key(token)
        if len(key) > _BLOCK:
            key = hashlib.sha256(key).digest()
        key = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(key.translate(_INNER_PAD))
        self._outer = hashlib.sha256(key.translate(_OUTER_PAD))

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """See `Signer`."""
        inner = self._inner.copy()
        inner.update(f"{message_id}.{timestamp}.".encode())
        inner.update(body)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return "v1," + base64.b64encode(outer.digest()).decode()


class Ed25519Signer(Signer):
    """Version v1a: ed25519, for receivers that hold the public key only."""

    def __init__(self, token: str) -> None:
        self._key = private_key(token)

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """See `Signer`."""
        signature = self._key.sign(f"{message_id}.{timestamp}.".encode() + body)
        return "v1a," + base64.b64encode(signature).decode()


def signers(secrets: Sequence[str]) -> tuple[Signer, ...]:
    """Return a signer per secret. Raises `InvalidSecret`."""
    return tuple(
        Ed25519Signer(one) if one.startswith(_PRIVATE) else HmacSigner(one) for one in secrets
    )


def magento_signature(token: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of the body, as mageos-async-events signs."""
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()

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


class Signer(ABC):
    """Signs with one secret. Immutable, thread-safe."""

    @abstractmethod
    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """Return one element of the header `webhook-signature`."""


class HmacSigner(Signer):
    """Version v1: HMAC-SHA256."""

    def __init__(self, token: str) -> None:
        self._key = hmac.new(symmetric_key(token), digestmod=hashlib.sha256)

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """See `Signer`."""
        mac = self._key.copy()
        mac.update(f"{message_id}.{timestamp}.".encode())
        mac.update(body)
        return "v1," + base64.b64encode(mac.digest()).decode()


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

"""Standard Webhooks signatures.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from asyncevents_core import InvalidSecret

SYMMETRIC: Final = "whsec_"
PRIVATE: Final = "whsk_"
_SEED: Final = 32


class Signer(ABC):
    """Signs with one secret. Immutable, thread-safe."""

    @abstractmethod
    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """Return one element of the header `webhook-signature`."""


class HmacSigner(Signer):
    """Version v1: HMAC-SHA256."""

    def __init__(self, token: str) -> None:
        self._key = hmac.new(key_of(token), digestmod=hashlib.sha256)

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """See `Signer`."""
        mac = self._key.copy()
        mac.update(f"{message_id}.{timestamp}.".encode())
        mac.update(body)
        return "v1," + base64.b64encode(mac.digest()).decode()


class Ed25519Signer(Signer):
    """Version v1a: ed25519, for receivers that hold the public key only."""

    def __init__(self, token: str) -> None:
        seed = _decode(token, PRIVATE)[:_SEED]
        if len(seed) != _SEED:
            raise InvalidSecret("a whsk_ secret holds the 32 bytes of an ed25519 private key")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """See `Signer`."""
        signature = self._key.sign(f"{message_id}.{timestamp}.".encode() + body)
        return "v1a," + base64.b64encode(signature).decode()


def signers(secrets: Sequence[str]) -> tuple[Signer, ...]:
    """Return a signer per secret. Raises `InvalidSecret`."""
    return tuple(
        Ed25519Signer(one) if one.startswith(PRIVATE) else HmacSigner(one) for one in secrets
    )


def key_of(token: str) -> bytes:
    """Return the key of a verification token: base64 after ``whsec_``, else its UTF-8 bytes."""
    if token.startswith(SYMMETRIC):
        return _decode(token, SYMMETRIC)
    if not token:
        raise InvalidSecret("a secret must not be empty")
    return token.encode()


def receiver_secret(token: str) -> str:
    """Return the token in the form that every Standard Webhooks library takes.

    >>> receiver_secret("supersecret")
    'whsec_c3VwZXJzZWNyZXQ='
    """
    return SYMMETRIC + base64.b64encode(key_of(token)).decode()


def magento_signature(token: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of the body, as mageos-async-events signs."""
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()


def _decode(token: str, prefix: str) -> bytes:
    text = token.removeprefix(prefix)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSecret(f"a secret that starts with {prefix} must go on in base64") from error
    if not key:
        raise InvalidSecret(f"a secret needs more than {prefix}")
    return key

"""Verification tokens and the keys in them, as Standard Webhooks write them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Final

from asyncevents_core.errors import InvalidSecret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SYMMETRIC: Final = "whsec_"
PRIVATE: Final = "whsk_"
_PUBLIC: Final = "whpk_"
_SEED: Final = 32
_FEWEST: Final = 24


class SecretKind(enum.StrEnum):
    """What a secret signs with, and so what a receiver has to keep."""

    SYMMETRIC = "symmetric"
    """HMAC-SHA256 (v1): the receiver has the same secret."""
    ED25519 = "ed25519"
    """A private key (v1a): the receiver has the public one, with which nobody can sign."""


def generate_secret(kind: SecretKind = SecretKind.SYMMETRIC) -> str:
    """Return a new secret in base64: ``whsec_`` and 24 random bytes, or ``whsk_`` and 32."""
    if kind is SecretKind.ED25519:
        return PRIVATE + base64.b64encode(secrets.token_bytes(_SEED)).decode()
    return SYMMETRIC + base64.b64encode(secrets.token_bytes(24)).decode()


def kind_of(token: str) -> SecretKind:
    """Return what a secret signs with."""
    return SecretKind.ED25519 if token.startswith(PRIVATE) else SecretKind.SYMMETRIC


def public_jwk(token: str) -> dict[str, str]:
    """Return the public half of a ``whsk_`` secret as a JSON Web Key (RFC 8037, section 2).

    Its `kid` is the key's thumbprint (RFC 7638). Raises `InvalidSecret`.
    """
    public = private_key(token).public_key().public_bytes_raw()
    required = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public)}
    # The members that identify a key, in the order of their names, without spaces.
    thumbprint = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    return {**required, "kid": _base64url(thumbprint), "use": "sig", "alg": "EdDSA"}


def symmetric_key(token: str) -> bytes:
    """Return the key of a token: base64 after ``whsec_``, else its UTF-8 bytes.

    Raises `InvalidSecret` where it is empty or no base64.
    """
    if token.startswith(SYMMETRIC):
        return _decode(token, SYMMETRIC)
    if token.startswith(_PUBLIC):
        raise InvalidSecret(
            f"a secret that starts with {_PUBLIC} is a public key, with which receivers verify: "
            f"give the private one, {PRIVATE}…"
        )
    if not token:
        raise InvalidSecret("a secret must not be empty")
    return token.encode()


def private_key(token: str) -> Ed25519PrivateKey:
    """Return the ed25519 key of a ``whsk_`` token. Raises `InvalidSecret`."""
    seed = _decode(token, PRIVATE)[:_SEED]
    if len(seed) != _SEED:
        raise InvalidSecret("a whsk_ secret holds the 32 bytes of an ed25519 private key")
    # Imported here: what every plugin imports stays cheap, and few sinks sign with such a key.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed)


def weakness(token: str) -> str | None:
    """Say why a secret is weak; None where it is not. Raises `InvalidSecret`.

    Standard Webhooks wants 24 to 64 random bytes.
    """
    if token.startswith(PRIVATE):
        return None
    count = len(symmetric_key(token))
    if count >= _FEWEST:
        return None
    return f"it has {count} bytes, and could be guessed: Standard Webhooks wants {_FEWEST} at least"


def receiver_secret(token: str) -> str:
    """Return what the receiver verifies with, in the form that every library takes.

    >>> receiver_secret("supersecret")
    'whsec_c3VwZXJzZWNyZXQ='
    """
    if token.startswith(PRIVATE):
        public = private_key(token).public_key().public_bytes_raw()
        return _PUBLIC + base64.b64encode(public).decode()
    return SYMMETRIC + base64.b64encode(symmetric_key(token)).decode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(token: str, prefix: str) -> bytes:
    text = token.removeprefix(prefix)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSecret(f"a secret that starts with {prefix} must go on in base64") from error
    if not key:
        raise InvalidSecret(f"a secret needs more than {prefix}")
    return key

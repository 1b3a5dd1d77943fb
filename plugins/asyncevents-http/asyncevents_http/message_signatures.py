"""HTTP Message Signatures (RFC 9421), with a digest of the body (RFC 9530)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from asyncevents_core.plugin import private_key, public_jwk, symmetric_key

if TYPE_CHECKING:
    from asyncevents_http.wire.exchange import Headers

CONTENT_DIGEST: Final = b"content-digest"
SIGNATURE_INPUT: Final = b"signature-input"
MESSAGE_SIGNATURE: Final = b"signature"
COMPONENTS: Final = ("@method", "@target-uri", "content-digest", "content-type", "webhook-id")
"""What is covered, in this order."""
TAG: Final = "asyncevents"
"""By which receivers tell these signatures from those of others."""
_COVERED: Final = " ".join(f'"{one}"' for one in COMPONENTS)
_PRIVATE: Final = "whsk_"
_KEY_ID_LENGTH: Final = 16


class MessageSigner(ABC):
    """Signs with one secret. Immutable, thread-safe.

    `algorithm` is its name in IANA's registry. `key_id` is the beginning of the SHA-256 of the
    key, the public one of a pair, in hexadecimal: receivers with several keys find theirs.
    """

    algorithm: str
    key_id: str

    @abstractmethod
    def sign(self, base: bytes) -> bytes:
        """Return the signature of a signature base."""


class HmacMessageSigner(MessageSigner):
    """HMAC with SHA-256."""

    algorithm = "hmac-sha256"

    def __init__(self, token: str) -> None:
        self._key = symmetric_key(token)
        self.key_id = _key_id(self._key)

    def sign(self, base: bytes) -> bytes:
        """See `MessageSigner`."""
        return hmac.digest(self._key, base, "sha256")


class Ed25519MessageSigner(MessageSigner):
    """Ed25519, for receivers that hold the public key only."""

    algorithm = "ed25519"

    def __init__(self, token: str) -> None:
        self._key = private_key(token)
        # As the public key is called where recipients find it.
        self.key_id = public_jwk(token)["kid"]

    def sign(self, base: bytes) -> bytes:
        """See `MessageSigner`."""
        return self._key.sign(base)


def message_signers(secrets: Sequence[str]) -> tuple[MessageSigner, ...]:
    """Return a signer per secret. Raises `InvalidSecret`."""
    return tuple(
        Ed25519MessageSigner(one) if one.startswith(_PRIVATE) else HmacMessageSigner(one)
        for one in secrets
    )


def signature_headers(
    signers: Sequence[MessageSigner],
    *,
    method: str,
    uri: str,
    content_type: str,
    message_id: str,
    body: bytes,
    created: int,
) -> Headers:
    """Return the digest of a body, and a signature for each signer: `sig1`, `sig2`, …

    `uri` is the target as it is requested; `created` seconds since the epoch.
    """
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    values = (method, uri, digest, content_type, message_id)
    lines = "".join(f'"{name}": {value}\n' for name, value in zip(COMPONENTS, values, strict=True))
    inputs, signatures = [], []
    for number, signer in enumerate(signers, start=1):
        parameters = (
            f'({_COVERED});created={created};keyid="{signer.key_id}"'
            f';alg="{signer.algorithm}";tag="{TAG}"'
        )
        base = f'{lines}"@signature-params": {parameters}'.encode()
        inputs.append(f"sig{number}={parameters}")
        signatures.append(f"sig{number}=:{base64.b64encode(signer.sign(base)).decode()}:")
    return [
        (CONTENT_DIGEST, digest.encode()),
        (SIGNATURE_INPUT, ", ".join(inputs).encode()),
        (MESSAGE_SIGNATURE, ", ".join(signatures).encode()),
    ]


def _key_id(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:_KEY_ID_LENGTH]

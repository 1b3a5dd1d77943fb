"""For receivers: whether a request comes from who has the secret, and is not an old one.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from asyncevents_core.errors import InvalidSecret
from asyncevents_core.plugin import private_key, symmetric_key

TOLERANCE: Final = 300.0
"""Seconds: as the libraries of Standard Webhooks have it."""
_PUBLIC: Final = "whpk_"
_PRIVATE: Final = "whsk_"
_LONGEST_TIMESTAMP: Final = 15
_MOST_SIGNATURES: Final = 64
"""Signatures of one request that are looked at: anybody may send more."""


class InvalidSignature(Exception):
    """The request is not to be trusted; the text says why. Answer it with 401 or 400."""


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE,
) -> str:
    """Check a webhook that was received; return its id, by which to recognise one that comes again.

    `headers` are those of the request, in any case; `body` its body, the very bytes. `secrets` are
    one or several: a symmetric secret (``whsec_…``, or any other text) for signatures v1, a public
    key (``whpk_…``) for v1a. It is enough that one of them has signed, so that a secret can be
    changed without a gap. Between the request's `webhook-timestamp` and now there may be
    `tolerance` seconds either way: within that time somebody could send a request again that he has
    seen. The id tells, too, since it is signed: keep those of that time, and do nothing twice.

    Raises `InvalidSignature`, and `InvalidSecret` for a secret that nothing can be verified with.
    Thread-safe. A signature v1 is compared in the same time wherever it is wrong.
    """
    keys = [secrets] if isinstance(secrets, str) else list(secrets)
    if not keys:
        raise InvalidSecret("without a secret nothing can be verified")
    checks = [_check_of(one) for one in keys]
    found = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, signatures = (
        _required(found, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    _require_recent(timestamp, tolerance)
    signed = f"{message_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body
    given = list(_given(signatures))
    if not any(check.accepts(signed, given) for check in checks):
        raise InvalidSignature("no signature is by a secret that is known here, of this very body")
    return message_id


def require_secret(token: str) -> None:
    """Raise `InvalidSecret` for a secret that nothing can be verified with."""
    _check_of(token)


class _Symmetric:
    """Version v1: HMAC-SHA256."""

    def __init__(self, token: str) -> None:
        self._key = symmetric_key(token)

    def accepts(self, signed: bytes, given: Iterable[tuple[str, bytes]]) -> bool:
        expected = hmac.digest(self._key, signed, "sha256")
        return any(hmac.compare_digest(expected, one) for version, one in given if version == "v1")


class _Public:
    """Version v1a: ed25519."""

    def __init__(self, key: bytes) -> None:
        # Imported here: few receivers have such a key.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        self._key = Ed25519PublicKey.from_public_bytes(key)

    def accepts(self, signed: bytes, given: Iterable[tuple[str, bytes]]) -> bool:
        return any(self._is_valid(one, signed) for version, one in given if version == "v1a")

    def _is_valid(self, signature: bytes, signed: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature as Refused

        try:
            self._key.verify(signature, signed)
        except Refused:
            return False
        return True


def _check_of(token: str) -> _Symmetric | _Public:
    if token.startswith(_PRIVATE):
        # Who has it could sign; verifying needs its public half.
        return _Public(private_key(token).public_key().public_bytes_raw())
    if not token.startswith(_PUBLIC):
        return _Symmetric(token)
    try:
        key = base64.b64decode(token.removeprefix(_PUBLIC), validate=True)
    except binascii.Error as error:
        raise InvalidSecret(f"{_PUBLIC}… is not base64: {error}") from None
    if len(key) != 32:
        raise InvalidSecret(f"{_PUBLIC}… holds the 32 bytes of an ed25519 public key")
    return _Public(key)


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise InvalidSignature(f"the header {name} is missing")
    return value


def _require_recent(timestamp: str, tolerance: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > _LONGEST_TIMESTAMP:
        raise InvalidSignature("webhook-timestamp is not a number of seconds")
    age = time.time() - int(timestamp)
    if age > tolerance:
        raise InvalidSignature(f"webhook-timestamp is {age:.0f} s old, {tolerance:g} are allowed")
    if -age > tolerance:
        raise InvalidSignature(
            f"webhook-timestamp is {-age:.0f} s ahead, {tolerance:g} are allowed: is a clock wrong?"
        )


def _given(signatures: str) -> Iterable[tuple[str, bytes]]:
    """Yield versions and signatures; what is no base64 is none."""
    for one in signatures.split(" ")[:_MOST_SIGNATURES]:
        version, comma, encoded = one.partition(",")
        if not comma:
            continue
        try:
            yield version, base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue

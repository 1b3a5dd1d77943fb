"""Client certificates of subscriptions, for mutual TLS."""

from __future__ import annotations

import datetime
import os
import re
import secrets
import ssl
import tempfile
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_HEADER: Final = re.compile(r"^[A-Za-z-]+:.*$", re.MULTILINE)
_WIDTH: Final = 64


class IdentityMalformed(ValueError):
    """A certificate or a key that cannot be used; the text says why, and holds no secret."""


@frozen(kw_only=True, cache_hash=True)
class Identity:
    """A client certificate with its key, both checked. Immutable.

    `chain` is PEM, the certificate first; `key` is PEM, encrypted with `_password`, which is
    made for the key alone. `not_before` and `not_after` are seconds since the epoch.
    """

    chain: bytes = field(repr=False)
    fingerprint: str
    not_before: float = field(eq=False)
    not_after: float = field(eq=False)
    key: bytes = field(repr=False, eq=False)
    _password: bytes = field(repr=False, eq=False)

    def problem(self, now: float) -> str | None:
        """Say why the certificate is of no use at a time; None where it is good."""
        if now > self.not_after:
            return f"the client certificate has expired on {_date(self.not_after)}"
        if now < self.not_before:
            return f"the client certificate is not valid before {_date(self.not_before)}"
        return None

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let a context present it. Raises `IdentityMalformed` where OpenSSL does not take it."""
        # The standard library reads files only. The key in it is encrypted, and the password
        # nowhere but in this process.
        descriptor, name = tempfile.mkstemp(prefix="asyncevents-", suffix=".pem")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.chain + self.key)
            context.load_cert_chain(name, password=self._password)
        except (OSError, ValueError) as error:
            raise IdentityMalformed(f"the client certificate cannot be used: {error}") from error
        finally:
            os.unlink(name)


def read_identity(certificate: str, key: str, passphrase: str | None) -> Identity:
    """Read PEM texts, also such that lost their line ends in a form. No I/O.

    Raises `IdentityMalformed` where one cannot be read, or where they do not belong together.
    """
    from cryptography.hazmat.primitives import hashes, serialization

    chain = _certificates(certificate)
    private = _key(key, passphrase)
    encoding, public = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    leaf = chain[0]
    mine = private.public_key().public_bytes(encoding, public)
    if leaf.public_key().public_bytes(encoding, public) != mine:
        raise IdentityMalformed(
            "client_key does not fit client_certificate: its public key is another one. The "
            "certificate of the client comes first, those of authorities after it"
        )
    password = secrets.token_hex(32).encode()
    return Identity(
        chain=b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain),
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        key=private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password),
        ),
        password=password,
    )


def _certificates(text: str) -> list[x509.Certificate]:
    from cryptography import x509

    blocks = [one for one in _blocks(text) if b"CERTIFICATE" in one.partition(b"\n")[0]]
    if not blocks:
        raise IdentityMalformed("client_certificate: there is no -----BEGIN CERTIFICATE----- in it")
    try:
        return [x509.load_pem_x509_certificate(one) for one in blocks]
    except ValueError as error:
        raise IdentityMalformed(f"client_certificate cannot be read: {error}") from None


def _key(text: str, passphrase: str | None) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    blocks = [one for one in _blocks(text) if b"PRIVATE KEY" in one.partition(b"\n")[0]]
    if not blocks:
        raise IdentityMalformed("client_key: there is no -----BEGIN PRIVATE KEY----- in it")
    try:
        return serialization.load_pem_private_key(
            blocks[0], None if passphrase is None else passphrase.encode()
        )
    except TypeError:
        raise IdentityMalformed(
            "client_key is encrypted: give client_key_passphrase"
            if passphrase is None
            else "client_key is not encrypted: leave client_key_passphrase out"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        # What these say may quote the text.
        raise IdentityMalformed(
            "client_key cannot be read"
            + ("" if passphrase is None else ", or client_key_passphrase is not its passphrase")
        ) from None


def _blocks(text: str) -> list[bytes]:
    """Return the blocks of a text in PEM, with lines as they have to be."""
    found = []
    for label, content in _BLOCK.findall(text.replace("\\n", "\n")):
        # Headers of an old form of encryption stand in lines of their own.
        headers = [one.strip() for one in _HEADER.findall(content)]
        packed = re.sub(r"\s+", "", _HEADER.sub("", content))
        lines = [packed[at : at + _WIDTH] for at in range(0, len(packed), _WIDTH)]
        before = [*headers, ""] if headers else []
        block = [f"-----BEGIN {label}-----", *before, *lines, f"-----END {label}-----", ""]
        found.append("\n".join(block).encode())
    return found


def _date(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%d %B %Y")

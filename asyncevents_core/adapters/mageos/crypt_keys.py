"""Reads what a shop encrypted: verification tokens, with the key in its ``app/etc/env.php``.

Magento writes ``KEY:CIPHER:BASE64``: the number of one of its keys, the number of a cipher, and
what was encrypted. Read are the ciphers

* 3, ChaCha20-Poly1305 (IETF, with the nonce in front and authenticated too): all that Magento has
  written since 2.3, with which the original begins;
* 1 and 0, AES and Blowfish (ECB), as mcrypt wrote them before.

Cipher 2, mcrypt's Rijndael with blocks of 256 bits, is in no library that is here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from asyncevents_core.adapters.mageos.misread import misread

LARGEST_FILE: Final = 1024 * 1024
"""Bytes."""
_PHP: Final = "<?php"
_IN_PHP: Final = re.compile(
    r"""['"]crypt['"]\s*=>\s*(?:\[|array\s*\()\s*['"]key['"]\s*=>\s*"""
    r"""(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\$]|\\.)*)")""",
    re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LETTERS: Final = {"n": "\n", "r": "\r", "t": "\t"}
_DECODED: Final = "base64"
"""Begins a key that is written in base64, since Magento 2.4.7."""
_STRIPPED: Final = " \t\n\r\0\x0b"
"""What PHP's `trim` takes away: Magento trims what it has decrypted."""
_TOKEN: Final = re.compile(r"(\d{1,9}):(\d{1,9}):([A-Za-z0-9+/]+=*)")
_NONCE: Final = 12
_KEY: Final = 32
_AES_KEYS: Final = (16, 24, 32)
_LONGEST_BLOWFISH: Final = 56


class UnreadToken(Exception):
    """A token that cannot be decrypted; the text says why, and shows nothing of it."""


class CryptKeys:
    """The keys of a shop, oldest first. Thread-safe."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def __repr__(self) -> str:
        return f"CryptKeys({len(self._keys)} of them)"

    @classmethod
    def read(cls, path: Path) -> CryptKeys:
        """Read ``env.php``, or a file that holds nothing but the keys, with space between them.

        Raises `InvalidValue` where there is none, and OSError.
        """
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise misread(path, 1, f"it has more than {LARGEST_FILE:,} bytes: is it env.php?")
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise misread(path, line, "it is not UTF-8") from None
        keys = _in_php(text) if text.lstrip().startswith(_PHP) else text
        if keys is None:
            raise misread(path, 1, "there is no 'crypt' => ['key' => '…'] in it, as in env.php")
        found = keys.split()
        if not found:
            raise misread(path, 1, "there is no key in it")
        try:
            return cls([_decoded(one) for one in found])
        except (ValueError, binascii.Error):
            raise misread(path, 1, "a key goes on behind base64, but not in base64") from None

    def decrypt(self, token: str) -> str:
        """Return the text that a shop encrypted, as the shop uses it. Raises `UnreadToken`."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise UnreadToken("it is not as Magento encrypts, KEY:CIPHER:BASE64")
        number, cipher = int(match[1]), int(match[2])
        if number >= len(self._keys):
            raise UnreadToken(
                f"it was encrypted with key {number}, and the file has those up to "
                f"{len(self._keys) - 1}"
            )
        if cipher not in _CIPHERS:
            raise UnreadToken(f"it was encrypted with cipher {cipher}, which is not read here")
        try:
            plain = _CIPHERS[cipher](self._keys[number], base64.b64decode(match[3], validate=True))
            text = plain.decode().strip(_STRIPPED)
        except (InvalidTag, ValueError):
            # A wrong key is found out by Poly1305; with the older ciphers by what comes of it.
            raise UnreadToken(f"key {number} does not decrypt it") from None
        if not text:
            raise UnreadToken("it is empty")
        if not text.isprintable():
            raise UnreadToken("it has characters that cannot be printed")
        return text


def _in_php(text: str) -> str | None:
    match = _IN_PHP.search(text)
    if match is None:
        return None
    single, double = match.groups()
    if double is None:
        # Between single quotes PHP knows two escapes.
        return _ESCAPED.sub(lambda one: one[1] if one[1] in "\\'" else one[0], single)
    return _ESCAPED.sub(lambda one: _LETTERS.get(one[1], one[1]), double)


def _decoded(key: str) -> bytes:
    if key.startswith(_DECODED):
        return base64.b64decode(key.removeprefix(_DECODED), validate=True)
    return key.encode()


def _chacha(key: bytes, sealed: bytes) -> bytes:
    if len(key) != _KEY:
        raise ValueError("the key has another length")
    nonce = sealed[:_NONCE]
    return ChaCha20Poly1305(key).decrypt(nonce, sealed[_NONCE:], nonce)


def _aes(key: bytes, sealed: bytes) -> bytes:
    # As mcrypt did: a key that is too short goes on in zeros.
    size = next((one for one in _AES_KEYS if len(key) <= one), None)
    if size is None:
        raise ValueError("the key is too long")
    return _by_blocks(AES(key.ljust(size, b"\0")), sealed)


def _blowfish(key: bytes, sealed: bytes) -> bytes:
    return _by_blocks(Blowfish(key[:_LONGEST_BLOWFISH]), sealed)


def _by_blocks(algorithm: CipherAlgorithm, sealed: bytes) -> bytes:
    opened = Cipher(algorithm, modes.ECB()).decryptor()  # noqa: S305 - it was encrypted so
    return opened.update(sealed) + opened.finalize()


_CIPHERS: Final[Mapping[int, Callable[[bytes, bytes], bytes]]] = {
    0: _blowfish,
    1: _aes,
    3: _chacha,
}

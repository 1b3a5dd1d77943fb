"""Encryption at rest: Fernet (AES-128-CBC and HMAC-SHA256), with keys that rotate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from asyncevents_core.errors import SecretKeysError
from asyncevents_core.ports.ledger.subscriptions import KeyAge

_EMPTY: Final = "SECRET_KEYS is empty, but the ledger holds encrypted secrets"
_NO_KEY_FITS: Final = (
    "none of SECRET_KEYS decrypts a secret in the ledger: add the key it was made with"
)


class Cipher:
    """Encrypts with the first key, decrypts with any of them. Thread-safe.

    `keys` are Fernet keys (32 bytes, URL-safe base64), newest first: SECRET_KEYS.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None
        self._newest = Fernet(keys[0]) if keys else None

    def __repr__(self) -> str:
        return "Cipher(…)"

    def encrypt(self, text: str) -> str:
        """Return a token that `decrypt` reads. Raises `SecretKeysError` without a key."""
        if self._fernet is None:
            raise SecretKeysError(
                "SECRET_KEYS is empty: secrets and options are kept encrypted only. "
                "`asyncevents init` makes a key, or: python -c 'from cryptography.fernet import "
                "Fernet; print(Fernet.generate_key().decode())'"
            )
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Return the text again. Raises `SecretKeysError` if no key fits."""
        if self._fernet is None:
            raise SecretKeysError(_EMPTY)
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise SecretKeysError(_NO_KEY_FITS) from error

    def age(self, token: str) -> KeyAge:
        """Tell which key decrypts a token."""
        if self._newest is None or self._fernet is None:
            return KeyAge.MISSING
        if _decrypts(self._newest, token):
            return KeyAge.NEWEST
        return KeyAge.OLDER if _decrypts(self._fernet, token) else KeyAge.MISSING

    def renew(self, token: str) -> str:
        """Return the token as the first key makes it; itself, if that key made it.

        The time it was first made stays in it. Raises `SecretKeysError` if no key fits.
        """
        if self._newest is not None and _decrypts(self._newest, token):
            return token
        if self._fernet is None:
            raise SecretKeysError(_EMPTY)
        try:
            return self._fernet.rotate(token.encode()).decode()
        except InvalidToken as error:
            raise SecretKeysError(_NO_KEY_FITS) from error


def _decrypts(key: Fernet | MultiFernet, token: str) -> bool:
    try:
        key.decrypt(token.encode())
    except InvalidToken:
        return False
    return True

"""Encryption at rest: Fernet (AES-128-CBC and HMAC-SHA256), with keys that rotate."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from asyncevents_core.errors import SecretKeysError


class Cipher:
    """Encrypts with the first key, decrypts with any of them. Thread-safe.

    `keys` are Fernet keys (32 bytes, URL-safe base64), newest first: SECRET_KEYS.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

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
            raise SecretKeysError("SECRET_KEYS is empty, but the ledger holds encrypted secrets")
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise SecretKeysError(
                "none of SECRET_KEYS decrypts a secret in the ledger: add the key it was made with"
            ) from error

"""Contract of what hashes the passwords of people who sign in."""

from __future__ import annotations

from abc import ABC, abstractmethod


class PasswordHasher(ABC):
    """Slow on purpose, so that a stolen ledger tells no passwords. Thread-safe.

    Passwords are hashed as `normalized_password` returns them.
    """

    @abstractmethod
    def hash(self, password: str) -> str:
        """Return a new hash, with its own salt and parameters; 255 characters at most."""

    @abstractmethod
    def verify(self, password: str, hashed: str | None) -> bool:
        """Tell whether it is the password of that hash.

        With None it takes as long and is False, so that time does not tell who is known.
        """

    @abstractmethod
    def is_outdated(self, hashed: str) -> bool:
        """Tell whether a hash was made with other parameters than new ones are."""

"""Passwords hashed with Argon2id. Needs the extra `web`."""

from __future__ import annotations

import secrets
import threading
from typing import Final

from asyncevents_core.domain.user import normalized_password
from asyncevents_core.errors import MissingExtra
from asyncevents_core.ports.hasher import PasswordHasher

try:
    import argon2
except ModuleNotFoundError as error:
    raise MissingExtra("hashing passwords", extra="web") from error

# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
_MEMORY: Final = 19_456
_PASSES: Final = 2
_LANES: Final = 1
_AT_ONCE: Final = 4


class Argon2Hasher(PasswordHasher):
    """Takes 19 MiB and some 20 ms for each; no more than four at once."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=_PASSES, memory_cost=_MEMORY, parallelism=_LANES
        )
        self._places = threading.Semaphore(_AT_ONCE)
        # Made now: the first unknown name would take twice as long.
        self._nobodys = self.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        with self._places:
            return self._hasher.hash(_bytes(password))

    def verify(self, password: str, hashed: str | None) -> bool:
        against = self._nobodys if hashed is None else hashed
        with self._places:
            try:
                self._hasher.verify(against, _bytes(password))
            except argon2.exceptions.VerificationError:
                return False
        return hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        return self._hasher.check_needs_rehash(hashed)


def _bytes(password: str) -> bytes:
    return normalized_password(password).encode("utf-8", "surrogatepass")

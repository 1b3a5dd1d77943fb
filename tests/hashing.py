"""A hasher that costs nothing."""

from __future__ import annotations

from asyncevents_core.domain.user import normalized_password
from asyncevents_core.ports.hasher import PasswordHasher

PASSWORD = "correct horse battery"


class PlainHasher(PasswordHasher):
    """Keeps passwords as they are, and counts how often one was looked at."""

    def __init__(self, *, version: int = 1) -> None:
        self.version = version
        self.looked = 0

    def hash(self, password: str) -> str:
        return f"{self.version}:{normalized_password(password)}"

    def verify(self, password: str, hashed: str | None) -> bool:
        self.looked += 1
        return hashed is not None and hashed.partition(":")[2] == normalized_password(password)

    def is_outdated(self, hashed: str) -> bool:
        return not hashed.startswith(f"{self.version}:")

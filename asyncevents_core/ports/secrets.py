"""Contract of what the ledger keeps encrypted; a part of the contract in `ledger`."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from attrs import frozen


class KeyAge(enum.StrEnum):
    """Which of SECRET_KEYS reads something encrypted."""

    NEWEST = "newest"
    """The first one, which is what everything is encrypted with from now on."""
    OLDER = "older"
    """Another one: it is still needed."""
    MISSING = "missing"
    """None of them."""


@frozen(kw_only=True)
class KeptSecret:
    """A subscription that keeps something encrypted: its secret, its options, or both.

    `key` is the worst of the two, in the order of `KeyAge`.
    """

    subscription_id: int
    key: KeyAge


class SecretOperations(ABC):
    """What a transaction does with what is encrypted."""

    @abstractmethod
    def renew_secrets(self, ids: Collection[int]) -> set[int]:
        """Encrypt with the newest key what these subscriptions keep under older ones.

        Returns those that were changed. Left alone are what no key decrypts, and what another
        transaction changes meanwhile: its value wins. What is kept stays the same, deleted ones
        are no exception, and the epoch does not grow.
        """


class SecretQueries(ABC):
    """What reads which keys are in use."""

    @abstractmethod
    def kept_secrets(self, *, after: int, limit: int) -> Sequence[KeptSecret]:
        """Return subscriptions with a higher id than `after` that keep something encrypted.

        Lowest id first, deleted ones too.
        """

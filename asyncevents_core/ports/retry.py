"""Contract of a retry manager: who wakes a delivery up when its backoff is over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from attrs import frozen

from asyncevents_core.ports.broker import BrokerConfig, Consumer


@frozen(kw_only=True)
class ScheduledRetry:
    """A retry to come: attempt `deaths` + 1 of that delivery, `delay` seconds from now."""

    delivery_id: UUID
    deaths: int
    delay: float


class RetryManager(ABC):
    """Wakes deliveries up. The ledger's due time stays as the backstop of every manager.

    `backstop` is how many seconds after the retry's own time the ledger makes the row due, so
    that a lost message costs a delay and never a delivery; `wakes` says whether `woken` works.
    Used by one thread at a time, `woken` apart: its consumers belong to who uses them.
    """

    backstop: float = 0.0
    wakes: bool = False

    @abstractmethod
    def schedule(self, retries: Sequence[ScheduledRetry]) -> None:
        """Take note of retries whose transaction is committed.

        Idempotent: may be called again with the same retries. May raise `BrokerUnavailable`:
        the engine logs it, and the backstop serves them.
        """

    def bury(self, delivery_ids: Sequence[UUID]) -> None:  # noqa: B027 - most keep none
        """Take note of deliveries that are dead letters now. As `schedule`, best effort."""

    def woken(self, *, prefetch: int) -> Consumer:
        """Return a new consumer of the ids of deliveries whose time has come; if it `wakes`.

        Its messages make these deliveries due, unless their state says otherwise; a message
        that comes twice or late does no harm.
        """
        raise NotImplementedError(f"{type(self).__name__} wakes nobody")

    def close(self) -> None:  # noqa: B027 - nothing to close is the common case
        """Release connections. Called once."""


class RetryManagerType(ABC):
    """What a plugin registers: a kind of retry manager, chosen by RETRY_MANAGER. Stateless."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def open(self, broker: BrokerConfig) -> RetryManager:
        """Return a retry manager. Connects lazily.

        Raises `BrokerError` where that broker cannot serve it.
        """

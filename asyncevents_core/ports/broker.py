"""Contract of a broker: carries the ids of events from publishers to workers, best effort.

Nothing depends on it for the guarantee: what it loses, the sweep of the ledger finds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from attrs import field, frozen

MOST_IDS: Final = 50
"""Ids per hand-off message, at most."""


@frozen(kw_only=True)
class BrokerConfig:
    """Where the broker is, and how its queues are made: BROKER_URL, BROKER_QUEUE_TYPE.

    `queue_type` matters to RabbitMQ only: "classic", or "quorum" for replicated queues.
    """

    url: str = field(repr=False)
    queue_type: str = "classic"


class HandOff(ABC):
    """A received message: the ids of published events, or of deliveries to retry."""

    ids: tuple[UUID, ...]

    @abstractmethod
    def ack(self) -> None:
        """Acknowledge. Only on the consumer's thread; twice is an error of the caller."""


class Producer(ABC):
    """Sends hand-offs. Used by one thread; connects lazily and again after an error."""

    @abstractmethod
    def send(self, ids: Sequence[UUID]) -> None:
        """Hand ids over, at most `MOST_IDS` in a message. Raises `BrokerUnavailable`."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection. Idempotent."""


class Consumer(ABC):
    """Receives hand-offs. Everything is called on the one thread that opened it.

    A message that cannot be decoded is put aside (logged, counted, acknowledged) and never
    comes out of `receive`.
    """

    @abstractmethod
    def receive(self, timeout: float) -> Sequence[HandOff]:
        """Wait up to `timeout` seconds and return what arrived, perhaps nothing.

        Unacknowledged messages are bounded by the prefetch count given to `Broker.consumer`.
        Raises `BrokerUnavailable`; the next call connects again.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connection; unacknowledged messages may come again. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Broker(ABC):
    """A broker by its URL. Thread-safe; opens nothing by itself, so it may live through a fork."""

    @abstractmethod
    def producer(self) -> Producer:
        """Return a new producer with a connection of its own."""

    @abstractmethod
    def consumer(self, *, prefetch: int) -> Consumer:
        """Return a new consumer with a connection of its own, `prefetch` messages ahead."""

    @abstractmethod
    def validate(self) -> None:
        """Raise `BrokerError` or `MissingExtra` where no connection could ever be made.

        A package is missing, or the URL means nothing. Connects to nothing; a worker calls it
        before it starts.
        """

    @abstractmethod
    def check(self) -> str:
        """Connect once and return a line for people. Raises `BrokerUnavailable`."""

    @abstractmethod
    def quarantined(self) -> int:
        """Return how many messages consumers have put aside. Raises `BrokerUnavailable`."""

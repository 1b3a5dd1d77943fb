"""Contract of a broker: carries the ids of events from publishers to workers, best effort.

Nothing depends on it for the guarantee: what it loses, the sweep of the ledger finds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from attrs import field, frozen, validators

from asyncevents_core.domain.foreign_event import ForeignEvent
from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.ports.passwords import PasswordSource
from asyncevents_core.showing import SECRET

MOST_IDS: Final = 50
"""Ids per hand-off message, at most."""


_seconds: Final = validators.gt(0.0)


@frozen(kw_only=True)
class BrokerOptions:
    """Limits of the connections to the broker, in seconds, and its TLS: BROKER_OPTIONS."""

    connect_timeout: float = field(default=5.0, validator=_seconds)
    """Opening a connection."""
    answer_timeout: float = field(default=10.0, validator=_seconds)
    """Waiting for an answer, as for the confirmation of what was sent."""
    keepalive: float = field(default=5.0, validator=_seconds)
    """Silence after which the other side is asked whether it is there, and how often again."""
    ca_certs: str | None = None
    """A file (PEM) of certificates to trust; None: those that the system trusts."""
    client_cert: str | None = None
    """A file (PEM) with the certificate to show, where the broker asks for one."""
    client_key: str | None = None
    """A file (PEM) with its key; None: it is in the same file."""
    verify_certificates: bool = True
    """Whether the broker's certificate has to be valid, and that of the host in BROKER_URL."""
    password: PasswordSource | None = field(default=None, repr=False, metadata={SECRET: True})
    """Returns the password for each new connection, in place of the one in BROKER_URL."""
    sentinel_master: str | None = None
    """``sentinel://``: the name by which the Sentinels know the Redis that writes."""
    sentinel_username: str | None = None
    """``sentinel://``: the user of the Sentinels themselves."""
    sentinel_password: str | None = field(default=None, repr=False, metadata={SECRET: True})
    """``sentinel://``: the password of the Sentinels themselves, where they have one."""

    def __attrs_post_init__(self) -> None:
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key belongs to a client_cert; give that, too")

    @property
    def says_sentinel(self) -> bool:
        """Whether anything here is about Sentinels."""
        said = (self.sentinel_master, self.sentinel_username, self.sentinel_password)
        return any(one is not None for one in said)

    @property
    def says_tls(self) -> bool:
        """Whether anything here is about TLS."""
        files = (self.ca_certs, self.client_cert, self.client_key)
        return not self.verify_certificates or any(one is not None for one in files)


@frozen(kw_only=True)
class BrokerConfig:
    """Where the broker is, and how it is used: the settings whose names begin with BROKER_.

    `queue_type` matters to RabbitMQ only: "classic", or "quorum" for replicated queues. `prefix`
    stands in front of the name of everything that is made there: exchanges, queues, routing keys,
    keys of Redis.
    """

    url: str = field(repr=False)
    queue_type: str = "classic"
    prefix: str = ""
    options: BrokerOptions = BrokerOptions()
    publications: bool = False
    """Whether hand-offs may be `Publication`s: MAGENTO_MESSAGES_ENABLED."""
    publish_queue: str | None = None
    """The queue from which other programs' CloudEvents are published: PUBLISH_QUEUE."""
    name: Callable[[], str] = field(default=lambda: "asyncevents", eq=False, repr=False)
    """Returns the name of a new connection, by which operators know it; without a space."""
    source: str = "/asyncevents"
    """SOURCE, which tells others whose messages they are."""
    ledger_id: Callable[[], UUID | None] = field(default=lambda: None, eq=False, repr=False)
    """Returns the id of the ledger in which the ids that are sent are; None: not known yet.

    It may ask the ledger, and raises nothing.
    """


class HandOff(ABC):
    """A received message: the ids of published events, or of deliveries to retry."""

    ids: tuple[UUID, ...]

    @abstractmethod
    def ack(self) -> None:
        """Acknowledge. Only on the consumer's thread; twice is an error of the caller."""


class Publication(HandOff):
    """A received message that asks for events to be published, all of them or none.

    See MAGENTO_MESSAGES_ENABLED and PUBLISH_QUEUE. It has no ids. It is acknowledged when its
    events are committed, or refused.
    """

    ids = ()
    events: Sequence[ForeignEvent]
    """One at least. Where an `event_id` is None, a message which comes twice is published twice."""

    @abstractmethod
    def refuse(self, reason: str) -> None:
        """Let `ack` put it aside as one that cannot be read. On any thread, before `ack`."""


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
    comes out of `receive`. Nor does one of another ledger, which is handed on, or of others, which
    is put back. `Publication`s do only where the broker's config says so.
    """

    @abstractmethod
    def receive(self, timeout: float) -> Sequence[HandOff]:
        """Wait up to `timeout` seconds and return what arrived, perhaps nothing.

        Unacknowledged messages are bounded by the prefetch count given to `Broker.consumer`.
        Raises `BrokerUnavailable`; the next call connects again.
        """

    def neighbours(self) -> Sequence[Neighbour]:
        """Return whose messages came that are not this ledger's, since it was asked before."""
        return ()

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
    def publications(self, *, prefetch: int) -> Consumer:
        """Return a new consumer of the `publish_queue`, from which come `Publication`s only.

        It puts aside what cannot be read. Raises `BrokerError` where there is no such queue.
        """

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
    def try_out(self) -> None:
        """Send a message to a queue of its own, and take it back; nothing stays.

        Raises `BrokerUnavailable`, saying why that fails: the broker does not answer, refuses, or
        blocks those who publish.
        """

    @abstractmethod
    def quarantined(self) -> int:
        """Return how many messages consumers have put aside. Raises `BrokerUnavailable`."""

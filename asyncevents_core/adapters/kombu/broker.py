"""`KombuBroker`: producers, consumers and a connection check."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kombu.connection import Connection

from asyncevents_core.adapters.kombu.connections import (
    beside_others,
    failures,
    masked,
    new_connection,
    open_transport,
    release,
    validate,
)
from asyncevents_core.adapters.kombu.messaging import IdConsumer, IdProducer
from asyncevents_core.adapters.kombu.protocol import QUARANTINE, declared_depth, hand_off_queue
from asyncevents_core.ports.broker import Broker, BrokerConfig, Consumer, Producer

T = TypeVar("T")


class KombuBroker(Broker):
    """The broker that `config` names."""

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config

    def __repr__(self) -> str:
        return f"KombuBroker({masked(self._config.url)!r})"

    def producer(self) -> Producer:
        return IdProducer(self._config.url, hand_off_queue(self._config))

    def consumer(self, *, prefetch: int) -> Consumer:
        return IdConsumer(
            self._config.url,
            hand_off_queue(self._config),
            quarantine=hand_off_queue(self._config, QUARANTINE),
            prefetch=prefetch,
        )

    def validate(self) -> None:
        validate(self._config.url)

    def check(self) -> str:
        def declare(connection: Connection) -> str:
            hand_off_queue(self._config)(connection.channel()).declare()
            return str(connection.transport.driver_type)

        return f"{self._on_its_own(declare)} at {masked(self._config.url)}"

    def quarantined(self) -> int:
        queue = hand_off_queue(self._config, QUARANTINE)
        return self._on_its_own(lambda connection: declared_depth(connection.channel(), queue))

    def _on_its_own(self, work: Callable[[Connection], T]) -> T:
        """Do something on a connection that is closed afterwards."""

        def attempt() -> T:
            connection = new_connection(self._config.url)
            try:
                open_transport(connection)
                return work(connection)
            finally:
                release(connection)

        with failures(self._config.url):
            return beside_others(attempt)

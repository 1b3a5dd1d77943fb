"""`KombuBroker`: producers, consumers and a connection check."""

from __future__ import annotations

from asyncevents_core.adapters.kombu.connecting import (
    failures,
    masked,
    new_connection,
    open_transport,
    validate,
)
from asyncevents_core.adapters.kombu.consuming import IdConsumer
from asyncevents_core.adapters.kombu.housekeeping import release
from asyncevents_core.adapters.kombu.producing import IdProducer
from asyncevents_core.adapters.kombu.queues import QUARANTINE, declared_depth, hand_off_queue
from asyncevents_core.ports.broker import Broker, BrokerConfig, Consumer, Producer


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
        url = self._config.url
        with failures(url):
            connection = new_connection(url)
            try:
                open_transport(connection)
                hand_off_queue(self._config)(connection.channel()).declare()
                return f"{connection.transport.driver_type} at {masked(url)}"
            finally:
                release(connection)

    def quarantined(self) -> int:
        url, queue = self._config.url, hand_off_queue(self._config, QUARANTINE)
        with failures(url):
            connection = new_connection(url)
            try:
                open_transport(connection)
                return declared_depth(connection.channel(), queue)
            finally:
                release(connection)

"""`KombuBroker`: producers, consumers and a connection check."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from kombu.connection import Connection

from asyncevents_core.adapters.kombu.cloud_events import CloudEventMessages
from asyncevents_core.adapters.kombu.connections import (
    beside_others,
    failures,
    new_connection,
    open_transport,
    release,
    validate,
)
from asyncevents_core.adapters.kombu.messaging import IdConsumer, PublicationConsumer
from asyncevents_core.adapters.kombu.protocol import QUARANTINE, declared_depth, hand_off_queue
from asyncevents_core.adapters.kombu.publications import MagentoMessages
from asyncevents_core.adapters.kombu.sending import IdProducer
from asyncevents_core.adapters.kombu.trial import send_and_take_back, trial_name
from asyncevents_core.domain.addresses import masked
from asyncevents_core.errors import BrokerError
from asyncevents_core.ports.broker import Broker, BrokerConfig, Consumer, Producer

T = TypeVar("T")


class KombuBroker(Broker):
    """The broker that `config` names."""

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config

    def __repr__(self) -> str:
        return f"KombuBroker({masked(self._config.url)!r})"

    def producer(self) -> Producer:
        return IdProducer(self._config, hand_off_queue(self._config))

    def consumer(self, *, prefetch: int) -> Consumer:
        return IdConsumer(
            self._config,
            hand_off_queue(self._config),
            quarantine=hand_off_queue(self._config, QUARANTINE),
            prefetch=prefetch,
            reading=MagentoMessages() if self._config.publications else None,
        )

    def publications(self, *, prefetch: int) -> Consumer:
        name = self._config.publish_queue
        if name is None:
            raise BrokerError("there is no queue from which to publish: name it by PUBLISH_QUEUE")
        return PublicationConsumer(
            self._config,
            hand_off_queue(self._config, name),
            quarantine=hand_off_queue(self._config, QUARANTINE),
            prefetch=prefetch,
            reading=CloudEventMessages(),
        )

    def validate(self) -> None:
        validate(self._config)

    def check(self) -> str:
        def declare(connection: Connection) -> str:
            hand_off_queue(self._config)(connection.channel()).declare()
            return str(connection.transport.driver_type)

        names = f", names begin with {self._config.prefix!r}" if self._config.prefix else ""
        return f"{self._on_its_own(declare)} at {masked(self._config.url)}{names}"

    def try_out(self) -> None:
        self._on_its_own(partial(send_and_take_back, name=trial_name(self._config)))

    def quarantined(self) -> int:
        queue = hand_off_queue(self._config, QUARANTINE)
        return self._on_its_own(lambda connection: declared_depth(connection.channel(), queue))

    def _on_its_own(self, work: Callable[[Connection], T]) -> T:
        """Do something on a connection that is closed afterwards."""

        def attempt() -> T:
            connection = new_connection(self._config)
            try:
                open_transport(connection)
                return work(connection)
            finally:
                release(connection)

        with failures(self._config.url):
            return beside_others(attempt)

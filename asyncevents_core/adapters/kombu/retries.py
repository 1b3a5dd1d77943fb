"""The retry manager `rabbitmq`: retries wait in queues with a time-to-live.

The topology is that of mageos-async-events: the topic exchange ``event.failover``, a queue
per delay whose messages are dead-lettered to ``event.failover.retry``, and
``event.failover.deadletter``. It spares the ledger the search for due retries; the ledger's
due time, a minute later, stays as the backstop.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from kombu.connection import Connection

from asyncevents_core.adapters.kombu.connections import Link
from asyncevents_core.adapters.kombu.messaging import IdConsumer
from asyncevents_core.adapters.kombu.protocol import (
    QUARANTINE,
    dead_letter_queue,
    delay_queue,
    hand_off_queue,
    retry_queue,
)
from asyncevents_core.adapters.kombu.sending import Sender, publish
from asyncevents_core.ports.broker import BrokerConfig, Consumer
from asyncevents_core.ports.retry import RetryManager, ScheduledRetry

BACKSTOP: Final = 60.0
LADDER: Final = (
    *(1, 2, 3, 4, 5, 7, 9, 12, 16, 20, 25, 30, 36, 45, 49, 60),
    *(75, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600),
    *(5400, 7200, 10_800, 14_400, 21_600, 43_200, 86_400),
)
"""The delays for which there are queues, in seconds; others are rounded up to the next."""


class RabbitMqRetryManager(Link, RetryManager):
    """Publishes retries to the queue of their delay."""

    backstop = BACKSTOP
    wakes = True

    def __init__(self, broker: BrokerConfig) -> None:
        super().__init__(broker)
        self._sender: Sender | None = None

    def schedule(self, retries: Sequence[ScheduledRetry]) -> None:
        groups: defaultdict[tuple[int, int], list[UUID]] = defaultdict(list)
        for retry in retries:
            seconds = step(retry.delay)
            if seconds is not None:
                groups[seconds, retry.deaths].append(retry.delivery_id)
        if not groups:
            return

        def work(connection: Connection) -> None:
            for (seconds, deaths), ids in groups.items():
                queue = delay_queue(self._config, seconds, first=deaths == 1 and seconds == 1)
                # Each time: it may have expired, or be gone with a broker that was made anew.
                queue(connection.default_channel).declare()
                publish(
                    self._ready_sender,
                    self._config,
                    ids,
                    routing_key=queue.routing_key,
                    retries=deaths,
                )
            self._ready_sender.flush()

        self._send(work)

    def bury(self, delivery_ids: Sequence[UUID]) -> None:
        def work(_: Connection) -> None:
            queue = dead_letter_queue(self._config)
            publish(self._ready_sender, self._config, delivery_ids, routing_key=queue.routing_key)
            self._ready_sender.flush()

        if delivery_ids:
            self._send(work)

    def woken(self, *, prefetch: int) -> Consumer:
        return IdConsumer(
            self._config,
            retry_queue(self._config),
            quarantine=hand_off_queue(self._config, QUARANTINE),
            prefetch=prefetch,
        )

    def close(self) -> None:
        super().close()

    @property
    def _ready_sender(self) -> Sender:
        assert self._sender is not None  # noqa: S101 - made by _ready
        return self._sender

    def _ready(self, connection: Connection) -> None:
        channel = connection.default_channel
        retry_queue(self._config)(channel).declare()
        dead_letters = dead_letter_queue(self._config)
        dead_letters(channel).declare()
        self._sender = Sender(
            connection,
            channel,
            dead_letters.exchange,
            answer_timeout=self._config.options.answer_timeout,
        )


def step(delay: float) -> int | None:
    """Return the delay of the ladder that is not shorter; None beyond its end.

    >>> step(0.0), step(3.2), step(61.0), step(100_000.0)
    (1, 4, 75, None)
    """
    index = bisect_left(LADDER, delay)
    return LADDER[index] if index < len(LADDER) else None

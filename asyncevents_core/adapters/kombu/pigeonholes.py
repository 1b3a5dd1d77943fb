"""Hand-offs of other ledgers: each ledger has a queue beside ours, where only its workers look.

So a message goes at most one way more than it would alone, and never to and fro.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from kombu.entity import Queue

from asyncevents_core.adapters.kombu.protocol import is_rabbitmq
from asyncevents_core.ports.broker import BrokerConfig

MOST_LEDGERS: Final = 50
"""For how many ledgers queues are made; whoever sends names of more has made them up."""
_UNUSED: Final = 86_400
"""Seconds after which RabbitMQ deletes a queue from which nobody receives any more."""
_DECLARED_FOR: Final = 3_600.0


def pigeonhole(config: BrokerConfig, queue: Any, ledger_id: UUID) -> Queue:
    """Return the queue for what arrives in `queue` and is that ledger's."""
    arguments = dict(queue.queue_arguments or {})
    if is_rabbitmq(config.url):
        arguments["x-expires"] = _UNUSED * 1000
    return Queue(
        f"{queue.name}.{ledger_id}",
        exchange=queue.exchange,
        routing_key=f"{queue.routing_key}.{ledger_id}",
        durable=True,
        queue_arguments=arguments,
    )


class Pigeonholes:
    """The queues of other ledgers that one connection has declared. Used by its thread."""

    def __init__(
        self, config: BrokerConfig, queue: Queue, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._queue = queue
        self._now = now
        self._declared: dict[UUID, float] = {}

    def open(self, ledger_id: UUID, channel: Any) -> str | None:
        """Return the routing key to a ledger's queue, which is there; None: there are too many."""
        queue = pigeonhole(self._config, self._queue, ledger_id)
        at = self._declared.get(ledger_id)
        if at is None and len(self._declared) >= MOST_LEDGERS:
            return None
        if at is None or self._now() - at > _DECLARED_FOR:
            # Now and then again: it expires where nobody receives.
            queue(channel).declare()
            self._declared[ledger_id] = self._now()
        key: str = queue.routing_key
        return key

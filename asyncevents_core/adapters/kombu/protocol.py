"""What goes over the broker: exchanges, queues and messages, by the original's names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from kombu.entity import Exchange, Queue

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.broker import MOST_IDS, BrokerConfig
from asyncevents_core.showing import shown

TRIGGER: Final = "event.trigger"
QUARANTINE: Final = "event.quarantine"

FAILOVER: Final = "event.failover"
RETRY: Final = "event.failover.retry"
DEAD_LETTERS: Final = "event.failover.deadletter"
INIT: Final = "event.retry.init"
RETRY_KEY: Final = "event.retry"
KILL_KEY: Final = "event.retry.kill"

_EXCHANGE: Final = "asyncevents"


def is_rabbitmq(url: str) -> bool:
    """Tell whether a broker's URL is RabbitMQ's."""
    return url.startswith(("amqp:", "amqps:", "pyamqp:"))


def hand_off_queue(config: BrokerConfig, name: str = TRIGGER) -> Queue:
    """Return a durable queue on the exchange for hand-offs."""
    exchange = Exchange(_EXCHANGE, type="direct", durable=True)
    return _queue(config, name, exchange, name)


def declared_depth(channel: Any, queue: Any) -> int:
    """Declare a queue and return how many messages are in it."""
    # Not passively: on Redis an empty queue does not exist.
    found = channel.queue_declare(
        queue=queue.name, durable=True, auto_delete=False, arguments=queue.queue_arguments
    )
    return int(found.message_count)


def retry_queue(config: BrokerConfig) -> Queue:
    """Return the queue where retries arrive when their delay is over."""
    return _queue(config, RETRY, _failover(), RETRY_KEY)


def dead_letter_queue(config: BrokerConfig) -> Queue:
    """Return the queue of dead letters: for people and other programs, nobody here reads it."""
    return _queue(config, DEAD_LETTERS, _failover(), KILL_KEY)


def delay_queue(config: BrokerConfig, seconds: int, *, first: bool) -> Queue:
    """Return the queue in which messages wait so long, and then go to `retry_queue`.

    The first retry of a delivery after a second waits in a queue of its own, for good; the
    others expire. RabbitMQ does not count publishing as use, so a queue that expired as soon as
    its time-to-live could vanish with messages in it: hence twice that and a minute.
    """
    name, key = (INIT, INIT) if first else (f"event.delay.{seconds}", f"event.retry.{seconds}")
    arguments: dict[str, Any] = {
        "x-message-ttl": seconds * 1000,
        "x-dead-letter-exchange": FAILOVER,
        "x-dead-letter-routing-key": RETRY_KEY,
    }
    if not first:
        arguments["x-expires"] = 2 * seconds * 1000 + 60_000
    return _queue(config, name, _failover(), key, arguments)


def _failover() -> Exchange:
    return Exchange(FAILOVER, type="topic", durable=True)


def _queue(
    config: BrokerConfig,
    name: str,
    exchange: Exchange,
    routing_key: str,
    arguments: dict[str, Any] | None = None,
) -> Queue:
    wanted = dict(arguments or {})
    if is_rabbitmq(config.url) and config.queue_type != "classic":
        wanted["x-queue-type"] = config.queue_type
    return Queue(
        name, exchange=exchange, routing_key=routing_key, durable=True, queue_arguments=wanted
    )


TYPE: Final = "asyncevents.handoff.v1"
CONTENT_TYPE: Final = "application/cloudevents+json"
LONGEST_HAND_OFF: Final = 64 * 1024
"""Bytes that are read; `MOST_IDS` ids need about 2,200."""
_SOURCE: Final = "/asyncevents"


def encode(ids: Sequence[UUID]) -> bytes:
    """Return the message for up to `MOST_IDS` ids."""
    event = CloudEvent(
        attributes={"id": str(uuid7()), "source": _SOURCE, "type": TYPE},
        data={"ids": [str(one) for one in ids]},
    )
    return JSONFormat().write(event)


def decode(body: bytes) -> tuple[UUID, ...]:
    """Return the ids of a message. Raises ValueError, saying what is wrong with it."""
    if len(body) > LONGEST_HAND_OFF:
        raise ValueError(f"longer than {LONGEST_HAND_OFF:,} bytes")
    try:
        return _ids(json.loads(body))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _ids(message: object) -> tuple[UUID, ...]:
    if not isinstance(message, dict) or message.get("specversion") != "1.0":
        raise ValueError("not a CloudEvent of version 1.0")
    if message.get("type") != TYPE:
        raise ValueError(f"of type {shown(message.get('type'))}, not {TYPE!r}")
    data = message.get("data")
    ids = data.get("ids") if isinstance(data, dict) else None
    if not isinstance(ids, list) or not 0 < len(ids) <= MOST_IDS:
        raise ValueError(f"without a list of 1 to {MOST_IDS} ids")
    return tuple(UUID(str(one)) for one in ids)

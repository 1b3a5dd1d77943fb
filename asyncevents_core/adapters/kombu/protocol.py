"""What goes over the broker: exchanges, queues and messages, by the original's names.

BROKER_PREFIX stands in front of each name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from attrs import frozen
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


def is_redis(url: str) -> bool:
    """Tell whether a broker's URL is that of Redis, or of its Sentinels."""
    return url.startswith(("redis:", "rediss:", "redis+", "sentinel:"))


def named(config: BrokerConfig, name: str) -> str:
    """Return a name with the prefix in front.

    Not on Redis: there all keys get it, also those that kombu makes for itself.
    """
    return name if is_redis(config.url) else config.prefix + name


def hand_off_queue(config: BrokerConfig, name: str = TRIGGER) -> Queue:
    """Return a durable queue on the exchange for hand-offs."""
    exchange = Exchange(named(config, _EXCHANGE), type="direct", durable=True)
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
    return _queue(config, RETRY, _failover(config), RETRY_KEY)


def dead_letter_queue(config: BrokerConfig) -> Queue:
    """Return the queue of dead letters: for people and other programs, nobody here reads it."""
    return _queue(config, DEAD_LETTERS, _failover(config), KILL_KEY)


def delay_queue(config: BrokerConfig, seconds: int, *, first: bool) -> Queue:
    """Return the queue in which messages wait so long, and then go to `retry_queue`.

    The first retry of a delivery after a second waits in a queue of its own, for good; the
    others expire. RabbitMQ does not count publishing as use, so a queue that expired as soon as
    its time-to-live could vanish with messages in it: hence twice that and a minute.
    """
    name, key = (INIT, INIT) if first else (f"event.delay.{seconds}", f"event.retry.{seconds}")
    arguments: dict[str, Any] = {
        "x-message-ttl": seconds * 1000,
        "x-dead-letter-exchange": named(config, FAILOVER),
        "x-dead-letter-routing-key": named(config, RETRY_KEY),
    }
    if not first:
        arguments["x-expires"] = 2 * seconds * 1000 + 60_000
    return _queue(config, name, _failover(config), key, arguments)


def _failover(config: BrokerConfig) -> Exchange:
    return Exchange(named(config, FAILOVER), type="topic", durable=True)


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
        named(config, name),
        exchange=exchange,
        routing_key=named(config, routing_key),
        durable=True,
        queue_arguments=wanted,
    )


_FAMILY: Final = "asyncevents."
TYPE: Final = "asyncevents.handoff.v1"
CONTENT_TYPE: Final = "application/cloudevents+json"
LONGEST_HAND_OFF: Final = 64 * 1024
"""Bytes that are read; `MOST_IDS` ids need about 2,200."""
_SOURCE: Final = "/asyncevents"
_LONGEST_SOURCE: Final = 255


class NotOurs(ValueError):
    """A message is none that asyncevents has sent; says why."""


@frozen(kw_only=True)
class IdMessage:
    """A hand-off as it is read: ids, whose ledger they are in, and the SOURCE of who sent it.

    `ledger_id` None: a version has sent it that did not say.
    """

    ids: tuple[UUID, ...]
    ledger_id: UUID | None
    source: str


def encode(ids: Sequence[UUID], *, ledger_id: UUID | None = None, source: str = _SOURCE) -> bytes:
    """Return the message for up to `MOST_IDS` ids."""
    # Imported here: a worker that only reads messages starts sooner.
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    attributes = {"id": str(uuid7()), "source": source, "type": TYPE}
    if ledger_id is not None:
        # An extension attribute, as CloudEvents call them.
        attributes["ledger"] = ledger_id.hex
    event = CloudEvent(attributes=attributes, data={"ids": [str(one) for one in ids]})
    return JSONFormat().write(event)


def decode(body: bytes) -> IdMessage:
    """Read a message.

    Raises `NotOurs` for what others have sent, and ValueError, which says what is wrong with it,
    for what a version of ours has sent that is not known here.
    """
    if len(body) > LONGEST_HAND_OFF:
        raise NotOurs(f"longer than {LONGEST_HAND_OFF:,} bytes")
    try:
        message = json.loads(body)
    except RecursionError:
        raise NotOurs("nested too deeply") from None
    except ValueError as error:
        raise NotOurs(str(error)) from None
    return _read(_ours(message))


def _ours(message: object) -> dict[str, Any]:
    if isinstance(message, list):
        raise NotOurs(
            "a list, as mageos-async-events sends them: MAGENTO_MESSAGES_ENABLED publishes those"
        )
    if not isinstance(message, dict) or message.get("specversion") != "1.0":
        raise NotOurs("not a CloudEvent of version 1.0")
    kind = message.get("type")
    if not isinstance(kind, str) or not kind.startswith(_FAMILY):
        raise NotOurs(f"of type {shown(kind)}, not {TYPE!r}")
    return message


def _read(message: dict[str, Any]) -> IdMessage:
    if message["type"] != TYPE:
        raise ValueError(f"of type {shown(message['type'])}, not {TYPE!r}")
    data = message.get("data")
    ids = data.get("ids") if isinstance(data, dict) else None
    if not isinstance(ids, list) or not 0 < len(ids) <= MOST_IDS:
        raise ValueError(f"without a list of 1 to {MOST_IDS} ids")
    ledger = message.get("ledger")
    return IdMessage(
        ids=tuple(UUID(str(one)) for one in ids),
        ledger_id=None if ledger is None else UUID(str(ledger)),
        source=str(message.get("source"))[:_LONGEST_SOURCE],
    )

"""Trying out the broker: a message through a queue of its own."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from asyncevents_core.adapters.kombu.messaging import delete_consumed
from asyncevents_core.adapters.kombu.protocol import named
from asyncevents_core.adapters.kombu.sending import Sender
from asyncevents_core.adapters.kombu.transport_options import SQL_PREFIXES
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import BrokerConfig

_NAME: Final = "event.check"
_WITHIN: Final = 3.0
"""Seconds for the message to be taken by the broker, and again to come back."""
_POLL: Final = 0.02


def trial_name(config: BrokerConfig) -> str:
    """Return the name of a queue for one trial; on SQL, which never forgets one, always the same.

    Two trials at once may take each other's message there; each gets one.
    """
    name = _NAME if config.url.startswith(SQL_PREFIXES) else f"{_NAME}.{uuid7()}"
    return named(config, name)


def send_and_take_back(connection: Connection, *, name: str) -> None:
    """Send a message to a new queue and take it back. Raises `BrokerUnavailable`."""
    blocked: list[str] = []
    if hasattr(connection.connection, "on_blocked"):
        # RabbitMQ tells those who publish while an alarm is on, and takes nothing from them.
        connection.connection.on_blocked = blocked.append
    channel = connection.channel()
    nameless = Exchange("")
    queue = Queue(name, exchange=nameless, routing_key=name, durable=False, exclusive=True)
    bound = queue(channel)
    bound.queue_declare()
    try:
        sender = Sender(connection, channel, nameless, answer_timeout=_WITHIN)
        try:
            sender.publish(b"check", routing_key=name, content_type="application/octet-stream")
            sender.flush()
        except (BrokerUnavailable, TimeoutError) as error:
            why = "it takes no messages"
            if blocked:
                why = "it blocks those who publish: an alarm of memory or disk is on"
            raise BrokerUnavailable(why) from error
        until = time.monotonic() + _WITHIN
        while bound.get(no_ack=True) is None:
            if time.monotonic() > until:
                raise BrokerUnavailable("a message that it took did not come back")
            time.sleep(_POLL)
        delete_consumed(channel)
    finally:
        if not blocked:
            # What is wrong is raised already.
            with suppress(Exception):
                bound.delete()

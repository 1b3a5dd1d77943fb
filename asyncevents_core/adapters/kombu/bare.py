"""Messages that programs without kombu put into a list of Redis, or a table: a bare JSON text.

kombu wraps each message that it sends there into an envelope of its own, and expects that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from kombu.entity import Queue
from kombu.transport.virtual.base import Message

_JSON: Final = "application/json"


def receive_bare(channel: Any, queue: Queue) -> None:
    """Let a channel take bare messages from `queue` as if they had been sent by kombu.

    RabbitMQ needs no envelopes: its channels stay as they are.
    """
    if issubclass(channel.Message, Message):
        back_to = {"exchange": queue.exchange.name, "routing_key": queue.routing_key}
        # kombu asks whether messages are instances of it, so it has to be a class.
        channel.Message = type("Bare", (_Bare, channel.Message), {"back_to": back_to})


class _Bare(Message):
    """Made of an envelope, or of a value without one. `back_to` is where it came from."""

    back_to: Mapping[str, str]

    def __init__(self, payload: object, channel: Any = None, **more: Any) -> None:
        sent = payload if _is_envelope(payload) else _envelope(payload, self.back_to)
        super().__init__(sent, channel=channel, **more)


def _envelope(value: object, back_to: Mapping[str, str]) -> dict[str, object]:
    return {
        "body": json.dumps(value),
        "content-type": _JSON,
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {"delivery_tag": str(uuid4()), "delivery_info": dict(back_to)},
    }


def _is_envelope(payload: object) -> bool:
    properties = payload.get("properties") if isinstance(payload, Mapping) else None
    return isinstance(properties, Mapping) and "delivery_tag" in properties

"""The hand-off message: a CloudEvent with the ids of published events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.ports.broker import MOST_IDS

TYPE: Final = "asyncevents.handoff.v1"
CONTENT_TYPE: Final = "application/cloudevents+json"
_SOURCE: Final = "/asyncevents"


def encode(ids: Sequence[UUID]) -> bytes:
    """Return the message for up to `MOST_IDS` ids."""
    event = CloudEvent(
        attributes={"id": str(uuid7()), "source": _SOURCE, "type": TYPE},
        data={"ids": [str(one) for one in ids]},
    )
    return JSONFormat().write(event)


def decode(body: bytes | str) -> tuple[UUID, ...]:
    """Return the ids of a message. Raises ValueError, saying what is wrong with it."""
    message = json.loads(body)
    if not isinstance(message, dict) or message.get("specversion") != "1.0":
        raise ValueError("not a CloudEvent of version 1.0")
    if message.get("type") != TYPE:
        raise ValueError(f"of type {message.get('type')!r}, not {TYPE!r}")
    data = message.get("data")
    ids = data.get("ids") if isinstance(data, dict) else None
    if not isinstance(ids, list) or not 0 < len(ids) <= MOST_IDS:
        raise ValueError(f"without a list of 1 to {MOST_IDS} ids")
    return tuple(UUID(str(one)) for one in ids)

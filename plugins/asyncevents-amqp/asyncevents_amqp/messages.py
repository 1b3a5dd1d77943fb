"""What is published: the CloudEvent, a routing key made from a template, and headers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen

from asyncevents_core.plugin import DeliveryRequest, Failure

CONTENT_TYPE: Final = "application/cloudevents+json"
DELIVERY: Final = "asyncevents-delivery"
"""The header with the id of the delivery."""
LONGEST_KEY: Final = 255
"""Bytes of a routing key, and of the message's type: a short string of AMQP."""
LONGEST_VALUE: Final = 1024
"""Bytes of a header taken from the payload; longer ones are left out."""
WORDS: Final = ("event_id", "event_name", "tenant", "subscription", "delivery_id")

_DATA: Final = "data."
_PATH: Final = re.compile(r"data(\.[A-Za-z0-9_-]+)+")
_LONGEST_PATH: Final = 128
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_LONGEST_TEMPLATE: Final = 500
_INT64: Final = 2**63


class Refused(Exception):
    """The message cannot be sent as it is; nothing was sent."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


class Event:
    """A request, and the CloudEvent in its body, read when it is first asked for."""

    def __init__(self, request: DeliveryRequest) -> None:
        self.request = request

    @cached_property
    def content(self) -> dict[str, Any]:
        """The CloudEvent: attributes and `data`."""
        return dict(json.loads(self.request.body))

    def at(self, path: str) -> Any:
        """Return what stands at ``data.customer.id`` of the payload; None where nothing does."""
        value: Any = self.content.get("data")
        for member in path.removeprefix(_DATA).split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(member)
        return value

    def text_of(self, name: str) -> str:
        """Return the value of one of `WORDS` or of a path as text; "" where there is none."""
        request = self.request
        words = {
            "event_id": str(request.event_id),
            "event_name": request.event_name,
            "tenant": request.tenant or "",
            "subscription": str(request.subscription_id),
            "delivery_id": str(request.delivery_id),
        }
        value = words[name] if name in words else self.at(name)
        if isinstance(value, str):
            return value
        return json.dumps(value) if isinstance(value, int | float) else ""


@frozen
class Template:
    """A text with places such as ``{event_name}`` and ``{data.customer.id}``.

    Raises ValueError where a place is none of `WORDS` and no path.
    """

    written: str
    _parts: tuple[str, ...] = field(init=False, repr=False, eq=False)
    """Texts and the names of places in turn."""

    @_parts.default
    def _read(self) -> tuple[str, ...]:
        if len(self.written) > _LONGEST_TEMPLATE:
            raise ValueError(f"a template has at most {_LONGEST_TEMPLATE} characters")
        parts = tuple(_PLACE.split(self.written))
        if any("{" in text or "}" in text for text in parts[::2]):
            raise ValueError(f"{self.written!r}: each {{ needs its }}")
        for name in parts[1::2]:
            if name not in WORDS:
                check_path(name)
        return parts

    def fill(self, event: Event) -> str:
        """Return the text for an event; what it does not have is empty."""
        return "".join(
            event.text_of(part) if number % 2 else part for number, part in enumerate(self._parts)
        )


@frozen(kw_only=True)
class Message:
    """A message, in the terms of AMQP."""

    body: bytes = field(repr=False)
    routing_key: str
    headers: dict[str, Any]
    message_id: str
    kind: str
    timestamp: datetime
    persistent: bool


def check_path(text: str) -> None:
    """Raise ValueError unless this is a path into the payload, such as ``data.customer.id``."""
    if len(text) > _LONGEST_PATH or not _PATH.fullmatch(text):
        raise ValueError(
            f"{text!r} is neither {', '.join(WORDS)} nor a path into the payload: write data.NAME "
            "or data.NAME.NAME, with letters, digits, - and _ in names"
        )


def message_of(
    request: DeliveryRequest,
    routing_key: Template,
    headers: Sequence[str],
    *,
    persistent: bool,
    max_bytes: int,
) -> Message:
    """Return the message for one attempt. Raises `Refused` where a limit is exceeded."""
    if len(request.body) > max_bytes:
        raise Refused(
            Failure.TOO_LARGE,
            f"{len(request.body):,} bytes, of which {max_bytes:,} are allowed; nothing was sent",
        )
    event = Event(request)
    return Message(
        body=request.body,
        routing_key=_short(routing_key.fill(event), "routing key"),
        headers=_headers(event, headers),
        message_id=str(request.event_id),
        kind=_short(request.event_name, "name of the event"),
        timestamp=datetime.fromisoformat(event.content["time"]),
        persistent=persistent,
    )


def _short(text: str, what: str) -> str:
    length = len(text.encode())
    if length > LONGEST_KEY:
        raise Refused(
            Failure.TOO_LARGE,
            f"the {what} has {length} bytes, of which AMQP allows {LONGEST_KEY}; nothing was sent",
        )
    return text


def _headers(event: Event, paths: Sequence[str]) -> dict[str, Any]:
    """Return the headers: texts, numbers, true and false as they are; the others are left out."""
    made: dict[str, Any] = {DELIVERY: str(event.request.delivery_id)}
    for path in paths:
        value = event.at(path)
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            value = str(value)
        fits = isinstance(value, str) and len(value.encode()) <= LONGEST_VALUE
        if fits or isinstance(value, bool | int | float):
            made[path] = value
    return made

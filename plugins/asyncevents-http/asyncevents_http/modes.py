"""The forms in which an event is sent: CloudEvents in structured and binary mode, or plain data.

https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from asyncevents_core.plugin import DeliveryRequest

if TYPE_CHECKING:
    from asyncevents_http.wire.exchange import Headers

STRUCTURED_TYPE: Final = "application/cloudevents+json; charset=utf-8"
BATCHED_TYPE: Final = "application/cloudevents-batch+json; charset=utf-8"
_JSON: Final = "application/json"
_DATA: Final = b', "data": '
_NOTHING_TO_ENCODE: Final = re.compile(r"[!#$&-~]*")
_ENCODED: Final = frozenset({0x20, 0x22, 0x25})
"""Printable characters that are percent-encoded in the value of a header."""


@frozen
class Form(ABC):
    """A form. Immutable."""

    @property
    @abstractmethod
    def content_type(self) -> str:
        """The media type, unless the subscription says another."""

    @abstractmethod
    def write(self, request: DeliveryRequest) -> tuple[Headers, bytes]:
        """Return the headers that say what the event is, and the body."""


@frozen
class Binary(Form):
    """The attributes as headers `ce-…`, the data as the body."""

    @property
    def content_type(self) -> str:
        """See `Form`."""
        return _JSON

    def write(self, request: DeliveryRequest) -> tuple[Headers, bytes]:
        """See `Form`."""
        attributes, data = parts_of(request.body)
        # What the data is stands in Content-Type.
        attributes.pop("datacontenttype", None)
        headers = [
            (b"ce-" + name.encode(), percent_encoded(_text(value)))
            for name, value in attributes.items()
        ]
        return headers, data


@frozen
class Plain(Form):
    """The data alone; what it is, is in headers of the sink."""

    @property
    def content_type(self) -> str:
        """See `Form`."""
        return _JSON

    def write(self, request: DeliveryRequest) -> tuple[Headers, bytes]:
        """See `Form`."""
        _, data = parts_of(request.body)
        return [(b"asyncevents-event", percent_encoded(request.event_name))], data


def parts_of(body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the attributes and the data of a CloudEvent in structured JSON.

    The data is the very bytes of the body, where it is the last member, as the core writes it.
    """
    # Attributes are texts without quotes that are not escaped, so the first such is no part of one.
    head, found, data = body.partition(_DATA)
    if found:
        try:
            attributes = json.loads((head + b"}").decode())
        except ValueError:
            attributes = None
        if isinstance(attributes, dict) and data.endswith(b"}"):
            return attributes, data[:-1]
    event = dict(json.loads(body))
    if "data" not in event:
        return event, b""
    return event, json.dumps(event.pop("data"), ensure_ascii=False).encode()


def percent_encoded(text: str) -> bytes:
    """Encode the value of a header as the HTTP binding of CloudEvents says (3.1.3.2)."""
    if _NOTHING_TO_ENCODE.fullmatch(text):
        return text.encode()
    return b"".join(
        b"%%%02X" % one if one in _ENCODED or not 0x20 < one < 0x7F else b"%c" % one
        for one in text.encode()
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


FORMS: Final[Mapping[str, Form]] = {"binary": Binary(), "plain": Plain()}
"""By the option `mode`; others send the event as it is."""

"""Messages of SQS and SNS: their text, and the attributes beside it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final, TypedDict

from attrs import frozen

from asyncevents_aws.expressions import Event, group_id
from asyncevents_aws.options import MessageOptions
from asyncevents_core.plugin import DeliveryRequest

LONGEST_VALUE: Final = 256
"""Bytes of an attribute taken from the payload; longer ones are left out."""
_LONGEST_TYPE: Final = len("String.Array")
_IN_ALL: Final = 200
"""Bytes of the names, types and ids that every message has, at most."""
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
# names the characters that a message may have. In JSON text only these two can be others.
_REFUSED: Final = ((b"\xef\xbf\xbe", b"\\ufffe"), (b"\xef\xbf\xbf", b"\\uffff"))
_OTHER: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DIGITS: Final = 10**38
"""https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html: 38 digits at most."""


class Attribute(TypedDict):
    """A message attribute, as both services take it."""

    DataType: str
    StringValue: str


class Ordering(TypedDict, total=False):
    """What FIFO queues and topics, and fair queues, want beside the message."""

    MessageGroupId: str
    MessageDeduplicationId: str


@frozen(kw_only=True)
class Message:
    """A message: `size` is what counts against the limits, in bytes."""

    text: str
    attributes: dict[str, Attribute]
    ordering: Ordering
    size: int


def message_of(event: Event, options: MessageOptions, *, fifo: bool) -> Message:
    """Return the message for an event."""
    body = carried(event.request.body)
    attributes = attributes_of(event, options.attributes)
    size = len(body) + sum(
        len(name.encode()) + len(one["DataType"]) + len(one["StringValue"].encode())
        for name, one in attributes.items()
    )
    ordering = ordering_of(event, options, fifo=fifo)
    return Message(text=body.decode(), attributes=attributes, ordering=ordering, size=size)


def most_bytes(request: DeliveryRequest) -> int:
    """Return at least the size that the message will have. Reads no JSON."""
    options: MessageOptions = request.options
    known = len(request.event_name.encode()) + len((request.tenant or "").encode())
    taken = sum(len(one) + _LONGEST_TYPE + LONGEST_VALUE for one in options.attributes)
    return len(carried(request.body)) + _IN_ALL + known + taken


def carried(body: bytes) -> bytes:
    """Return the same JSON, with the two characters escaped that SQS would refuse."""
    for character, escaped in _REFUSED:
        if character in body:
            body = body.replace(character, escaped)
    return body


def attributes_of(event: Event, paths: Sequence[str]) -> dict[str, Attribute]:
    """Return the attributes: ids, name, tenant, and what stands at the paths of the payload.

    Texts are `String`; numbers `Number`; true and false the `String`s of that name; lists of
    them `String.Array`, as filter policies of SNS want it. Anything else is left out.
    """
    request = event.request
    made = {
        "event_id": _string(str(request.event_id)),
        "event_name": _string(request.event_name),
        "delivery_id": _string(str(request.delivery_id)),
    }
    if request.tenant:
        made["tenant"] = _string(request.tenant)
    for path in paths:
        attribute = _attribute(event.at(path))
        if attribute is not None:
            made[path] = attribute
    return made


def ordering_of(event: Event, options: MessageOptions, *, fifo: bool) -> Ordering:
    """Return group and deduplication ids.

    The latter is the delivery's id: attempts at the same delivery are one message, replays and
    other subscriptions to the same queue are messages of their own.
    """
    expression = options.group_id or ("subscription" if fifo else None)
    if expression is None:
        return {}
    group = group_id(expression, event)
    if not fifo:
        return {"MessageGroupId": group}
    return {
        "MessageGroupId": group,
        "MessageDeduplicationId": str(event.request.delivery_id),
    }


def _attribute(value: Any) -> Attribute | None:
    made = _typed(value)
    if made is None or not made["StringValue"] or _OTHER.search(made["StringValue"]):
        return None
    return made if len(made["StringValue"].encode()) <= LONGEST_VALUE else None


def _typed(value: Any) -> Attribute | None:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return _string(json.dumps(value))
    if isinstance(value, int | float):
        fits = math.isfinite(value) and abs(value) < _DIGITS
        return {"DataType": "Number" if fits else "String", "StringValue": json.dumps(value)}
    if isinstance(value, list) and all(
        one is None or isinstance(one, str | bool | int | float) for one in value
    ):
        text = json.dumps(value, ensure_ascii=False)
        return {"DataType": "String.Array", "StringValue": text}
    return None


def _string(value: str) -> Attribute:
    return {"DataType": "String", "StringValue": value}

"""What is published: CloudEvents in the Pub/Sub protocol binding.

https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from asyncevents_core.plugin import DeliveryRequest, Failure
from asyncevents_gcp.config import BINARY, BY_EVENT, BY_SUBSCRIPTION, PAYLOAD, PubSubOptions

CONTENT_TYPE: Final = "content-type"
DELIVERY: Final = "asyncevents-delivery"
CLOUDEVENT: Final = "application/cloudevents+json"

# https://cloud.google.com/pubsub/quotas#resource_limits
LONGEST_VALUE: Final = 1024
LONGEST_KEY: Final = 1024

# How `data`, the last member, begins in the bodies that core makes: with quotes that are not
# escaped, so nothing inside a text can be mistaken for it.
_DATA: Final = b', "data": '


class Refused(Exception):
    """The message cannot be sent as it is; nothing was sent."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


@frozen(kw_only=True)
class Message:
    """What the client gets. An empty `ordering_key` is none."""

    data: bytes = field(repr=False)
    attributes: Mapping[str, str]
    ordering_key: str


def message_of(request: DeliveryRequest, options: PubSubOptions) -> Message:
    """Return the message for one attempt. Raises `Refused` where a limit is exceeded."""
    head, _, rest = request.body.partition(_DATA)
    context: dict[str, object] = json.loads(head + b"}")
    data = rest[:-1]
    attributes = {DELIVERY: str(request.delivery_id)}
    content_type = str(context.pop("datacontenttype", "application/json"))
    binary = options.content_mode == BINARY
    attributes[CONTENT_TYPE] = content_type if binary else CLOUDEVENT
    for name, value in context.items():
        text = str(value)
        if len(text.encode()) <= LONGEST_VALUE:
            attributes[f"ce-{name}"] = text
        elif binary:
            raise Refused(
                Failure.TOO_LARGE,
                f"the CloudEvent's {name} has more than the {LONGEST_VALUE} bytes that an"
                " attribute may have: use content_mode=structured",
            )
    return Message(
        data=data if binary else request.body,
        attributes=attributes,
        ordering_key=_ordering_key(request, options.ordering_key, data),
    )


def _ordering_key(request: DeliveryRequest, by: str | None, data: bytes) -> str:
    if by is None:
        return ""
    if by == BY_SUBSCRIPTION:
        return f"subscription-{request.subscription_id}"
    if by == BY_EVENT:
        return request.event_name
    key = _look_up(json.loads(data), by.removeprefix(PAYLOAD).split("."))
    if len(key.encode()) > LONGEST_KEY:
        raise Refused(
            Failure.TOO_LARGE,
            f"the ordering key at {by} has more than {LONGEST_KEY} bytes, Pub/Sub's limit",
        )
    return key


def _look_up(value: object, path: list[str]) -> str:
    """Return a text, number or truth in a payload as text; "" where there is none."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, int | float) else ""

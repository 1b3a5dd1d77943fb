"""Expressions of subscriptions for groups and partition keys, and paths into payloads."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from typing import Any, Final

from asyncevents_core.plugin import DeliveryRequest

WORDS: Final = ("event_id", "event_name", "tenant", "subscription")
_DATA: Final = "data."
# What may be the name of a message attribute; the members of a path are such, too.
_PATH: Final = re.compile(r"data(\.[A-Za-z0-9_-]+)+")
_LONGEST_PATH: Final = 256
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_GROUP_ID: Final = re.compile(r"[!-~]{1,128}")
_LONGEST_PARTITION_KEY: Final = 256


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


def check_path(text: str) -> None:
    """Raise ValueError unless this is a path into the payload, such as ``data.customer.id``."""
    if len(text) > _LONGEST_PATH or not _PATH.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a path into the payload: write data.NAME or data.NAME.NAME, "
            "with letters, digits, - and _ in names"
        )


def check_expression(text: str) -> None:
    """Raise ValueError unless this is one of `WORDS` or a path into the payload."""
    if text in WORDS:
        return
    if not text.startswith(_DATA):
        raise ValueError(f"{text!r} is neither a path such as data.id nor {', '.join(WORDS)}")
    check_path(text)


def value_of(expression: str, event: Event) -> str:
    """Evaluate an expression. What an event does not have gives its id: it stands for itself."""
    request = event.request
    found: Any
    if expression == "event_name":
        found = request.event_name
    elif expression == "tenant":
        found = request.tenant
    elif expression == "subscription":
        found = f"subscription-{request.subscription_id}"
    elif expression == "event_id":
        found = None
    else:
        found = event.at(expression)
    if isinstance(found, str) and found:
        return found
    if isinstance(found, int | float):
        return json.dumps(found)
    return str(request.event_id)


def group_id(expression: str, event: Event) -> str:
    """Return a message group of 128 printable ASCII characters; others as their SHA-256."""
    value = value_of(expression, event)
    return value if _GROUP_ID.fullmatch(value) else _digest(value)


def partition_key(expression: str, event: Event) -> str:
    """Return a partition key of at most 256 characters; longer ones as their SHA-256."""
    value = value_of(expression, event)
    return value if len(value) <= _LONGEST_PARTITION_KEY else _digest(value)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()

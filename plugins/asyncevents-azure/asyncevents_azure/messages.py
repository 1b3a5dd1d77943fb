"""Messages of Service Bus: what an event becomes."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any, Final

from azure.servicebus import ServiceBusMessage

from asyncevents_azure.kinds import BY_EVENT, BY_SUBSCRIPTION, PAYLOAD, ServiceBusOptions
from asyncevents_core.plugin import DeliveryRequest

CONTENT_TYPE: Final = "application/cloudevents+json"
# https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas
LONGEST_KEY: Final = 128
LONGEST_VALUE: Final = 256
"""Characters of a text from the payload that becomes a property; longer ones are left out."""
_INT: Final = 2**31
"""The SDK writes whole numbers with 32 bits."""


def message_of(request: DeliveryRequest) -> ServiceBusMessage:
    """Return the message for a delivery.

    Its id is that of the delivery, so that duplicate detection drops what an attempt repeats,
    while replays and other subscriptions to the same queue are messages of their own.
    """
    options: ServiceBusOptions = request.options
    event = _Event(request)
    properties: dict[str | bytes, Any] = {
        "event_id": str(request.event_id),
        "event_name": request.event_name,
        "delivery_id": str(request.delivery_id),
    }
    if request.tenant:
        properties["tenant"] = request.tenant
    for path in options.properties:
        value = _property(event.at(path))
        if value is not None:
            properties[path] = value
    return ServiceBusMessage(
        request.body,
        message_id=str(request.delivery_id),
        content_type=CONTENT_TYPE,
        subject=request.event_name,
        session_id=event.key(options.session_id),
        partition_key=event.key(options.partition_key),
        application_properties=properties,
    )


class _Event:
    """A request, and its payload, read when it is first asked for."""

    def __init__(self, request: DeliveryRequest) -> None:
        self._request = request

    @cached_property
    def _payload(self) -> object:
        return json.loads(self._request.body).get("data")

    def at(self, path: str) -> object:
        """Return what stands at ``data.customer.id`` of the payload; None where nothing does."""
        value = self._payload
        for member in path.removeprefix(PAYLOAD).split("."):
            if isinstance(value, dict):
                value = value.get(member)
            elif isinstance(value, list) and member.isdecimal() and int(member) < len(value):
                value = value[int(member)]
            else:
                return None
        return value

    def key(self, expression: str | None) -> str | None:
        """Evaluate an expression. What an event does not have gives its id: it is for itself."""
        if expression is None:
            return None
        if expression == BY_SUBSCRIPTION:
            return f"subscription-{self._request.subscription_id}"
        found = self._request.event_name if expression == BY_EVENT else self.at(expression)
        if isinstance(found, int | float):
            found = json.dumps(found)
        if not isinstance(found, str) or not found:
            return str(self._request.event_id)
        if len(found) <= LONGEST_KEY:
            return found
        return hashlib.sha256(found.encode("utf-8", "surrogatepass")).hexdigest()


def _property(value: object) -> str | bool | int | float | None:
    """Return a value as an application property; None where it is left out."""
    if isinstance(value, int) and not isinstance(value, bool) and not -_INT <= value < _INT:
        value = str(value)
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else None
    return value if isinstance(value, bool | int | float) else None

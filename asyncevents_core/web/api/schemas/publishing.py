"""Events to publish: in our own words, and as CloudEvents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Self
from urllib.parse import unquote
from uuid import UUID

from attrs import evolve, field, frozen
from litestar.datastructures import Headers

from asyncevents_core.domain.foreign_event import (
    ForeignEvent,
    read_attributes,
    read_cloud_event,
    read_cloud_events,
    require_batch,
)
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.errors import InvalidValue
from asyncevents_core.web.api.problems import FieldError, invalid
from asyncevents_core.web.api.strict_body import read_object

_EVENT: Final = "event"
_EVENTS: Final = "events"
_STRUCTURED: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_HEADER: Final = "ce-"


@frozen(kw_only=True)
class EventInput:
    """An event to publish, or a list of up to 1,000 of these: all are published, or none.

    `event_name` is one of the event definitions, `data` what is published under it. `tenant` limits
    the event to the subscriptions of a tenant and those without one. With an `event_id` the same
    event is published once, however often it is sent.

    CloudEvents 1.0 are taken, too: structured (`application/cloudevents+json`), in batches
    (`application/cloudevents-batch+json`) and binary (headers `ce-…`).
    """

    event_name: str
    data: object
    tenant: str | None = None
    event_id: str | None = None

    EXAMPLE: ClassVar[Mapping[str, object]] = {
        "event_name": "sales.order.created",
        "data": {"id": 42},
        "event_id": "order-42-created",
    }


@frozen(kw_only=True)
class SentEvents:
    """What was sent. `many`: as a list; `binary`: in headers; `name`: what names are called."""

    events: Sequence[ForeignEvent]
    many: bool = False
    binary: bool = False
    name: str = "event_name"

    def path(self, index: int, of: str) -> str:
        """Return what the sender calls a field of an event."""
        called = self.name if of == "name" else of
        if of == "event_id" and self.name == "type":
            called = "id"
        if self.binary:
            return "body" if called == "data" else f"{_HEADER}{called}"
        return f"{_EVENTS}[{index}].{called}" if self.many else f"{_EVENT}.{called}"


@frozen(kw_only=True)
class EventBody:
    """A body as JSON; the headers say what it is."""

    value: object = field(repr=False)

    shape: ClassVar[type] = EventInput

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        return cls(value=value)

    def sent(self, headers: Headers) -> SentEvents:
        """Return the events, in the request's trace. Raises `InvalidValue`, and a `Problem`."""
        found = self._read(headers)
        context = TraceContext.among(headers)
        return evolve(found, events=[one.within(context) for one in found.events])

    def _read(self, headers: Headers) -> SentEvents:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == _BATCH:
            found = read_cloud_events(self.value, _EVENTS)
            return SentEvents(events=found, many=True, name="type")
        if kind == _STRUCTURED:
            return SentEvents(events=[read_cloud_event(self.value, _EVENT)], name="type")
        attributes = _attributes(headers)
        if attributes:
            one = read_attributes(attributes, self.value, _HEADER)
            return SentEvents(events=[one], binary=True, name="type")
        if isinstance(self.value, list):
            wanted = require_batch(self.value, _EVENTS)
            many = [_own(one, f"{_EVENTS}[{index}]") for index, one in enumerate(wanted)]
            return SentEvents(events=many, many=True)
        return SentEvents(events=[_own(self.value, _EVENT)])


@frozen(kw_only=True)
class PublishedIds:
    """The ids of the events that are published now, in the order in which they were sent."""

    event_ids: list[UUID]


def _own(value: object, path: str) -> ForeignEvent:
    if isinstance(value, dict) and "specversion" in value:
        kinds = f"{_STRUCTURED}, a list of them as {_BATCH}"
        message = f"it is a CloudEvent: send it with the Content-Type {kinds}"
        raise invalid(FieldError(field=path, message=message))
    sent = read_object(EventInput, value, path)
    found = ForeignEvent(
        name=sent.event_name, data=sent.data, tenant=sent.tenant, event_id=sent.event_id
    )
    found.require_valid(f"{path}.")
    return found


def _attributes(headers: Headers) -> dict[str, object]:
    """Return the attributes of a CloudEvent in binary mode; empty where it is none.

    Raises `InvalidValue`.
    """
    found: dict[str, object] = {}
    for name, value in headers.multi_items():
        if not name.startswith(_HEADER):
            continue
        attribute = name.removeprefix(_HEADER)
        if attribute in found:
            raise InvalidValue("it is sent twice", field=name)
        try:
            # As the HTTP binding of CloudEvents writes what is not ASCII.
            found[attribute] = unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise InvalidValue("it is not UTF-8, percent-encoded", field=name) from None
    return found

"""Events that other programs ask for, and what of their CloudEvents becomes one.

A CloudEvent's `type` is the event's name, and its extension attribute `tenant` the tenant. `source`
and `id` together make its id here, so that it is one event however often it comes. `traceparent`
and `tracestate` say where it belongs in a distributed trace. The other attributes are not kept: the
event gets an id, a source and a time of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from attrs import evolve, field, frozen

from asyncevents_core.domain.event import OPERATIONAL
from asyncevents_core.domain.limits import (
    LONGEST_NAME,
    own_id_mistake,
    tenant_mistake,
    text_mistake,
)
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.errors import InvalidValue
from asyncevents_core.showing import shown

MOST_EVENTS: Final = 1000
"""Events that are published together, at most."""

_CLOUD_EVENT: Final = "cloudevent:"
_TENANT: Final = "tenant:"
_HASHED: Final = "sha256:"
_VERSION: Final = "1.0"
_JSON: Final = re.compile(r"application/(json|[a-z0-9.-]+\+json)")


@frozen(kw_only=True)
class ForeignEvent:
    """One event that another program asks for; `event_id` None: nothing tells when it comes twice.

    The fields mean what the arguments of `publish()` do.
    """

    name: str
    data: object = field(repr=False)
    tenant: str | None = None
    event_id: str | None = None
    trace_context: TraceContext | None = None

    def require_valid(self, path: str, *, name: str = "event_name") -> None:
        """Raise `InvalidValue` where name, tenant or `event_id` cannot be kept.

        `path` stands in front of the names of fields; `name` is what the sender calls the name.
        """
        if mistake := _name_mistake(self.name):
            raise _wrong(path, name, mistake)
        if mistake := tenant_mistake(self.tenant):
            raise _wrong(path, "tenant", mistake)
        if self.event_id is not None and (mistake := own_id_mistake(self.event_id)):
            raise _wrong(path, "event_id", mistake)

    def of_tenant(self, tenant: str) -> ForeignEvent:
        """Return it as one that only that tenant asks for.

        Ids are then the tenant's own: they are never the same as those of others.
        """
        event_id = self.event_id
        if event_id is not None:
            event_id = _fitting(f"{_TENANT}{quote(tenant, safe='')} {event_id}")
        return evolve(self, tenant=tenant, event_id=event_id)

    def within(self, context: TraceContext | None) -> ForeignEvent:
        """Return it as one that was sent in `context`; what it says of that itself comes first."""
        if context is None or self.trace_context is not None:
            return self
        return evolve(self, trace_context=context)


def read_cloud_event(value: object, path: str) -> ForeignEvent:
    """Return the event that a CloudEvent in the JSON format, without its brackets, is.

    `path` is what it is called. Raises `InvalidValue`.
    """
    if not isinstance(value, dict):
        raise InvalidValue("it is not an object", field=path)
    prefix = f"{path}."
    if "data_base64" in value:
        raise _wrong(prefix, "data_base64", "cannot be kept: events are JSON, so send `data`")
    kind = value.get("datacontenttype")
    if kind is not None and not _is_json(kind):
        raise _wrong(
            prefix, "datacontenttype", f"must be application/json, as events are, not {shown(kind)}"
        )
    return read_attributes(value, value.get("data"), prefix)


def read_cloud_events(value: object, path: str) -> list[ForeignEvent]:
    """Return the events of a batch of CloudEvents. Raises `InvalidValue`."""
    return [
        read_cloud_event(one, f"{path}[{number}]")
        for number, one in enumerate(require_batch(value, path))
    ]


def require_batch(value: object, path: str) -> Sequence[object]:
    """Return the list of a batch. Raises `InvalidValue` for none, an empty and a long one."""
    if not isinstance(value, list):
        raise InvalidValue("it is not a list", field=path)
    if not 0 < len(value) <= MOST_EVENTS:
        raise InvalidValue(f"it has 1 to {MOST_EVENTS:,} events, not {len(value):,}", field=path)
    return value


def read_attributes(attributes: Mapping[str, object], data: object, prefix: str) -> ForeignEvent:
    """Return the event of a CloudEvent's attributes; `prefix` stands in front of their names.

    Raises `InvalidValue`.
    """
    version = _text(attributes, "specversion", prefix)
    if version != _VERSION:
        raise _wrong(prefix, "specversion", f"must be {_VERSION!r}, not {shown(version)}")
    name = _text(attributes, "type", prefix)
    source, sent_id = _text(attributes, "source", prefix), _text(attributes, "id", prefix)
    if source.split() != [source]:
        raise _wrong(prefix, "source", f"must be a URI reference, not {shown(source)}")
    tenant = None if attributes.get("tenant") is None else _text(attributes, "tenant", prefix)
    # No source has a space, so what is before the first one is the source.
    event_id = _fitting(f"{_CLOUD_EVENT}{source} {sent_id}")
    found = ForeignEvent(
        name=name,
        data=data,
        tenant=tenant,
        event_id=event_id,
        trace_context=TraceContext.among(attributes),
    )
    found.require_valid(prefix, name="type")
    return found


def _is_json(kind: object) -> bool:
    if not isinstance(kind, str):
        return False
    return _JSON.fullmatch(kind.partition(";")[0].strip().lower()) is not None


def _text(attributes: Mapping[str, object], name: str, prefix: str) -> str:
    found = attributes.get(name)
    if found is None:
        raise _wrong(prefix, name, "is required in a CloudEvent")
    if not isinstance(found, str) or not found:
        raise _wrong(prefix, name, f"must be a text, not {shown(found)}")
    return found


def _fitting(text: str) -> str:
    """Return a text as an `event_id`: as it is, or its hash where it cannot be one."""
    if own_id_mistake(text) is None:
        return text
    # No other one begins like that: they begin with what they are of.
    return _HASHED + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _name_mistake(name: str) -> str | None:
    if mistake := text_mistake(name, LONGEST_NAME):
        return mistake
    if name.startswith(OPERATIONAL):
        return f"must not begin with {OPERATIONAL!r}: that asyncevents tells itself"
    return None


def _wrong(prefix: str, name: str, mistake: str) -> InvalidValue:
    return InvalidValue(f"it {mistake}", field=f"{prefix}{name}")

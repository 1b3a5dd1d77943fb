"""What the documents have in common: the envelope, its examples, the headers of a webhook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.payload import STORE_ID, source_of
from asyncevents_core.domain.schemas.walking import moved

EXTENSION: Final = "x-asyncevents"
"""Key of what only we say of an event: `version`, `deprecated`, `sunset`."""

CONTENT_TYPE: Final = "application/cloudevents+json"
_EXAMPLE_ID: Final = "01890a5d-ac96-774b-bcce-b302099a8057"

HEADERS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "webhook-id": {
            "description": "The event's id, the same in all attempts: by it a receiver knows what "
            "it has had.",
            "schema": {"type": "string", "format": "uuid"},
            "required": True,
        },
        "webhook-timestamp": {
            "description": "When this attempt was made: seconds since 1970, UTC.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
            "required": True,
        },
        "webhook-signature": {
            "description": "The signatures of Standard Webhooks, with spaces between them: "
            "v1,… by HMAC-SHA256, v1a,… by ed25519. Not where the subscription has no secret.",
            "schema": {"type": "string"},
            "required": False,
        },
        "asyncevents-delivery": {
            "description": "The delivery's id, to ask for its trace with.",
            "schema": {"type": "string", "format": "uuid"},
            "required": True,
        },
    }
)
"""The headers of a delivery by the sink `http`, in the structured mode, which is the default."""


@frozen(kw_only=True)
class About:
    """What the documents say of their application: the `source` of its events, and a `title`."""

    source: str
    title: str = "Events"
    description: str = "What is published, as subscribers get it: CloudEvents 1.0 in JSON."


def envelope_schema(definition: EventDefinition, source: str, data: Any) -> dict[str, Any]:
    """Return the schema of an event's CloudEvent; `data` is that of its data."""
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid", "description": "The event's id."},
            "source": {"type": "string"} if STORE_ID in source else {"const": source},
            "type": {"const": definition.name},
            "time": {
                "type": "string",
                "format": "date-time",
                "description": "When it was published.",
            },
            "datacontenttype": {"const": "application/json"},
            "tenant": {
                "type": "string",
                "description": "The tenant that the event is for; not there where it is for all.",
            },
            "data": data,
        },
    }


def envelope_example(definition: EventDefinition, source: str, data: Any) -> dict[str, Any]:
    """Return a CloudEvent with an example as its data."""
    return {
        "specversion": "1.0",
        "id": _EXAMPLE_ID,
        "source": source_of(source, None),
        "type": definition.name,
        "time": "2027-01-31T12:00:00.000000Z",
        "datacontenttype": "application/json",
        "data": data,
    }


def data_schema(definition: EventDefinition, place: str) -> dict[str, Any]:
    """Return the schema of an event's data as part of a document, at `place`, such as ``#/a/b``."""
    own = {
        keyword: value
        for keyword, value in (definition.schema or {}).items()
        if keyword not in {"$schema", "$id"}
    }
    made: dict[str, Any] = moved(own, before="#", after=place)
    return made


def extension(definition: EventDefinition) -> dict[str, Any]:
    """Return what only we say, as a member of a mapping; empty where there is nothing to say."""
    said = {
        "version": definition.version,
        "deprecated": definition.deprecated,
        "sunset": definition.sunset,
    }
    kept = {name: value for name, value in said.items() if value is not None}
    return {EXTENSION: kept} if kept else {}


def words(definition: EventDefinition) -> str:
    """Return all that is said of an event to people, as one text."""
    sentences = [definition.about] if definition.about else []
    if definition.deprecated is not None:
        until = "" if definition.sunset is None else f" It may be gone from {definition.sunset} on."
        sentences.append(f"**Deprecated**: {definition.deprecated}{until}")
    return "\n\n".join(sentences)


def without_nothing(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a mapping of what there is: neither None nor empty."""
    return {name: value for name, value in pairs if value not in (None, "", [], {})}

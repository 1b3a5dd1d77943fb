"""The schemas of all events in one JSON Schema: each is a definition by the event's name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.event_documents.parts import (
    About,
    data_schema,
    extension,
    without_nothing,
)
from asyncevents_core.domain.schemas.given import DIALECT

DEFINITIONS: Final = "#/$defs/"
MARK: Final = "x-asyncevents-events"
"""Key of the document that says that its definitions are events, not parts of a schema."""


def json_schema(definitions: Iterable[EventDefinition], about: About) -> dict[str, Any]:
    """Return the document. It describes the data, without the CloudEvent around it."""
    return {
        "$schema": DIALECT,
        "title": about.title,
        MARK: about.source,
        "$defs": {one.name: _described(one) for one in definitions},
    }


def _described(one: EventDefinition) -> dict[str, Any]:
    own = data_schema(one, DEFINITIONS + one.name)
    said = without_nothing(
        (
            ("title", one.title),
            ("description", one.description),
            ("examples", list(one.examples)),
            ("deprecated", True if one.deprecated is not None else None),
        )
    )
    # What the schema says of itself is nearer to the data.
    return {**said, **own, **extension(one)}

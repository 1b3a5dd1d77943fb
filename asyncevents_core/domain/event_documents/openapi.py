"""The webhooks of an application as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.event_documents.parts import (
    CONTENT_TYPE,
    HEADERS,
    About,
    data_schema,
    envelope_example,
    envelope_schema,
    extension,
    without_nothing,
    words,
)

SCHEMAS: Final = "#/components/schemas/"

_RESPONSES: Final = {
    "2XX": {"description": "It has arrived: the delivery has succeeded."},
    "410": {"description": "Nobody wants it any more: the subscription is disabled."},
    "429": {"description": "Too much at a time: tried again later, after `Retry-After`."},
    "5XX": {"description": "It failed here: tried again later, after `Retry-After`."},
    "default": {
        "description": "408 and 425: tried again later. Anything else: a dead letter at once."
    },
}


def openapi(definitions: Iterable[EventDefinition], about: About) -> dict[str, Any]:
    """Return the document: a webhook for each event, as the sink `http` sends it."""
    known = list(definitions)
    return {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": "1", "description": about.description},
        "webhooks": {one.name: {"post": _operation(one, about)} for one in known},
        "components": {
            "schemas": {one.name: data_schema(one, SCHEMAS + one.name) for one in known},
            "parameters": {
                name: {"name": name, "in": "header", **header} for name, header in HEADERS.items()
            },
        },
    }


def _operation(one: EventDefinition, about: About) -> dict[str, Any]:
    data = {"$ref": SCHEMAS + one.name}
    content = {"schema": envelope_schema(one, about.source, data)}
    if one.examples:
        content["examples"] = {
            f"example-{number}": {"value": envelope_example(one, about.source, value)}
            for number, value in enumerate(one.examples, 1)
        }
    return {
        **without_nothing(
            (
                ("summary", one.title or one.name),
                ("description", words(one)),
            )
        ),
        "operationId": one.name,
        "deprecated": one.deprecated is not None,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in HEADERS],
        "requestBody": {"required": True, "content": {CONTENT_TYPE: content}},
        "responses": _RESPONSES,
        **extension(one),
    }

"""The events of an application as an AsyncAPI 3.0 document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.event_documents.dialects import as_draft_7
from asyncevents_core.domain.event_documents.openapi import SCHEMAS
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


def asyncapi(definitions: Iterable[EventDefinition], about: About) -> dict[str, Any]:
    """Return the document: a channel for each event, to which the application sends it.

    The schemas of AsyncAPI are of an older draft: what that lacks is said in its words.
    """
    known = list(definitions)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": about.title, "version": "1", "description": about.description},
        "defaultContentType": CONTENT_TYPE,
        "channels": {one.name: _channel(one) for one in known},
        "operations": {one.name: _operation(one) for one in known},
        "components": {
            "messages": {one.name: _message(one, about) for one in known},
            "schemas": {
                one.name: as_draft_7(data_schema(one, SCHEMAS + one.name)) for one in known
            },
        },
    }


def _channel(one: EventDefinition) -> dict[str, Any]:
    message = {"$ref": f"#/components/messages/{one.name}"}
    return {"address": one.name, "messages": {one.name: message}}


def _operation(one: EventDefinition) -> dict[str, Any]:
    channel = f"#/channels/{one.name}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{one.name}"}],
    }


def _message(one: EventDefinition, about: About) -> dict[str, Any]:
    examples = [
        {"name": f"example-{number}", "payload": envelope_example(one, about.source, value)}
        for number, value in enumerate(one.examples, 1)
    ]
    return {
        "name": one.name,
        "contentType": CONTENT_TYPE,
        **without_nothing(
            (
                ("title", one.title),
                ("description", words(one)),
                ("examples", examples),
                ("tags", [{"name": "deprecated"}] if one.deprecated is not None else []),
            )
        ),
        "headers": _headers(),
        "payload": envelope_schema(one, about.source, {"$ref": SCHEMAS + one.name}),
        **extension(one),
    }


def _headers() -> Mapping[str, Any]:
    return {
        "type": "object",
        "required": [name for name, one in HEADERS.items() if one["required"]],
        "properties": {
            name: {**one["schema"], "description": one["description"]}
            for name, one in HEADERS.items()
        },
    }

"""Reads the documents that are made here: which events there were, and their schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asyncevents_core.domain.event_documents.dialects import as_2020_12
from asyncevents_core.domain.event_documents.json_schema import DEFINITIONS, MARK
from asyncevents_core.domain.event_documents.openapi import SCHEMAS
from asyncevents_core.domain.event_documents.parts import EXTENSION
from asyncevents_core.domain.schemas.changes import Described
from asyncevents_core.domain.schemas.walking import moved


def read_document(document: object) -> dict[str, Described]:
    """Return the events of an AsyncAPI, OpenAPI or JSON Schema document that was made here.

    Raises ValueError for another one.
    """
    if not isinstance(document, Mapping):
        raise ValueError("it is no object")
    if "asyncapi" in document:
        messages = _mapping(document, "components", "messages")
        schemas = _mapping(document, "components", "schemas")
        return {
            name: _described(one, as_2020_12(schemas.get(name, {})), SCHEMAS + name)
            for name, one in messages.items()
        }
    if "openapi" in document:
        schemas = _mapping(document, "components", "schemas")
        return {
            name: _described(one.get("post", {}), schemas.get(name, {}), SCHEMAS + name)
            for name, one in _mapping(document, "webhooks").items()
        }
    if MARK in document:
        return {
            name: _described(one, one, DEFINITIONS + name)
            for name, one in _mapping(document, "$defs").items()
        }
    raise ValueError("it is none of the documents that `asyncevents events export` writes")


def _described(about: Mapping[str, Any], schema: Any, place: str) -> Described:
    said = about.get(EXTENSION, {})
    if not isinstance(schema, Mapping) or not isinstance(said, Mapping):
        raise ValueError(f"{place} is not what `asyncevents events export` writes")
    return Described(
        schema=moved(schema, before=place, after="#"),
        version=said.get("version"),
        deprecated=said.get("deprecated"),
        sunset=said.get("sunset"),
    )


def _mapping(document: Mapping[str, Any], *path: str) -> Mapping[str, Mapping[str, Any]]:
    here: Any = document
    for name in path:
        here = here.get(name, {}) if isinstance(here, Mapping) else None
    if not isinstance(here, Mapping) or not all(isinstance(one, Mapping) for one in here.values()):
        raise ValueError(f"{'.'.join(path)} is not what `asyncevents events export` writes")
    return here

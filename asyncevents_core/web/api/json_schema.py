"""The JSON Schema of a sink's options and configuration, from its attrs class."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from asyncevents_core.ports.sink import EXAMPLE, HELP, SECRET, TITLE, ordered_fields

_PLAIN: Final[dict[object, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema_of(cls: type) -> dict[str, Any]:
    """Return an object's schema, with what the metadata of its fields say to people.

    Fields that are secret are marked ``writeOnly``.
    """
    hints = get_type_hints(cls)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for one in ordered_fields(cls):
        described = {**_type(hints[one.name]), **_for_people(one.metadata)}
        if one.metadata.get(SECRET):
            described["writeOnly"] = True
        elif one.default is attrs.NOTHING:
            required.append(one.name)
        elif isinstance(one.default, str | int | float | bool):
            described["default"] = one.default
        if one.default is attrs.NOTHING and one.name not in required:
            required.append(one.name)
        properties[one.name] = described
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _for_people(metadata: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if TITLE in metadata:
        found["title"] = str(metadata[TITLE])
    if HELP in metadata:
        found["description"] = str(metadata[HELP])
    if EXAMPLE in metadata:
        found["examples"] = [metadata[EXAMPLE]]
    return found


def _type(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if origin in {Union, types.UnionType}:
        return {"anyOf": [_type(one) for one in arguments]}
    if hint is type(None):
        return {"type": "null"}
    if origin is Literal:
        return {"enum": list(arguments)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [one.value for one in hint]}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _type(arguments[1])}
    if origin in {tuple, list, frozenset, set}:
        return {"type": "array", "items": _type(arguments[0])}
    if isinstance(hint, type) and attrs.has(hint):
        return schema_of(hint)
    return {}

"""The JSON Schema of what `to_json` writes of a type's instances.

attrs classes and dataclasses are objects of their arguments, all of which are written always, so
all are required. Further members are allowed: an event may get more of them.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, Flag
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

import attrs

from asyncevents_core.domain.plain import plain
from asyncevents_core.domain.schemas.walking import changed
from asyncevents_core.errors import InvalidPayload

DESCRIPTION: Final = "description"
"""Key in a field's metadata: what it means, for people. As in ``field(metadata={…})``."""

_LISTS: Final = (list, tuple, deque, set, frozenset)
_ABSTRACT_LISTS: Final = (collections.abc.Collection, collections.abc.Iterable)
_TEXTS: Final[Mapping[type, Mapping[str, object]]] = types.MappingProxyType(
    {
        datetime: {"type": "string", "format": "date-time"},
        date: {"type": "string", "format": "date"},
        time: {"type": "string", "format": "time"},
        UUID: {"type": "string", "format": "uuid"},
        Decimal: {"type": "string", "format": "decimal"},
        Path: {"type": "string"},
    }
)
# bool comes first: it is an int, too.
_PLAIN: Final[Mapping[type, str]] = types.MappingProxyType(
    {bool: "boolean", str: "string", int: "integer", float: "number"}
)


def schema_of_type(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of what an instance of `kind` becomes.

    `kind` is an attrs class, a dataclass, a TypedDict, a NamedTuple, an enum, a pydantic model, or
    an annotation of them: ``list[Order]``, ``Order | None``. Raises ValueError, naming the place,
    for what an event's data cannot be.
    """
    maker = _Maker()
    made = maker.schema(kind, _name(kind), {})
    return maker.with_definitions(made)


def is_described(kind: object) -> bool:
    """Tell whether a class says what its instances have in them, so that a schema is of use."""
    described = get_origin(kind) or kind
    if not isinstance(described, type):
        return False
    known = attrs.has(described) or dataclasses.is_dataclass(described)
    return known or _is_typed_dict(described) or _is_pydantic(described)


class _Maker:
    """Makes one schema: what has a name once, so that types may contain themselves."""

    def __init__(self) -> None:
        self._definitions: dict[str, dict[str, Any]] = {}
        self._names: dict[object, str] = {}
        self._uses: dict[str, int] = {}

    def schema(self, hint: Any, path: str, known: Mapping[object, object]) -> dict[str, Any]:
        """Return the schema of an annotation; `known` are the types that TypeVars stand for."""
        hint = _unwrapped(hint)
        if isinstance(hint, typing.TypeVar):
            bound = known.get(hint, hint.__bound__)
            return {} if bound is None else self.schema(bound, path, {})
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return _annotated(self.schema(arguments[0], path, known), arguments[1:])
        if hint is Any or hint is object:
            return {}
        if hint is None or hint is type(None):
            return {"type": "null"}
        if origin in {Union, types.UnionType}:
            return _any_of([self.schema(one, path, known) for one in arguments])
        if origin is tuple and not arguments:
            return self._fixed((), path, known)
        if origin is Literal:
            return _values([plain(one, path) for one in arguments])
        described = origin or hint
        if not isinstance(described, type):
            raise ValueError(f"{path}: {hint!r} says nothing about its values")
        return self._of_class(described, arguments, path, known)

    def with_definitions(self, made: dict[str, Any]) -> dict[str, Any]:
        """Return a schema with all that it refers to; what is used once at the top is the top."""
        name = _referred(made)
        if name is not None and self._uses[name] == 1:
            made = self._definitions.pop(name)
        if self._definitions:
            made = {**made, "$defs": self._definitions}
        return made

    def _of_class(
        self, kind: type, arguments: tuple[Any, ...], path: str, known: Mapping[object, object]
    ) -> dict[str, Any]:
        if issubclass(kind, Enum):
            return self._named(kind, lambda: _enum(kind))
        for plainer, name in _PLAIN.items():
            if issubclass(kind, plainer):
                return {"type": name}
        for written, schema in _TEXTS.items():
            if issubclass(kind, written):
                return dict(schema)
        if _is_pydantic(kind):
            return self._named(kind, lambda: self._pydantic(kind, path))
        if _is_typed_dict(kind):
            return self._named(kind, lambda: self._typed_dict(kind))
        if issubclass(kind, Mapping):
            return self._mapping(arguments, path, known)
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self._named_tuple(kind, path)
        if issubclass(kind, tuple) and arguments and arguments[-1] is not Ellipsis:
            return self._fixed(arguments, path, known)
        if issubclass(kind, _LISTS) or kind.__module__ == "collections.abc":
            return self._list(kind, arguments, path, known)
        fields = _fields(kind)
        if fields is None:
            raise ValueError(
                f"{path}: {kind.__qualname__} is not JSON. Use plain types, attrs classes, "
                "dataclasses, TypedDicts, datetimes, Decimals, UUIDs or enums"
            )
        parameters = getattr(kind, "__parameters__", ())
        filled = {
            one: known.get(given, given) for one, given in zip(parameters, arguments, strict=False)
        }
        key = (kind, arguments) if arguments else kind
        return self._named(kind, lambda: self._object(kind, fields, filled), key=key)

    def _named(
        self, kind: type, make: Callable[[], dict[str, Any]], *, key: object = None
    ) -> dict[str, Any]:
        """Return a reference to the definition of a class, which is made where there is none."""
        key = key or kind
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = _free(kind.__name__, self._definitions)
            self._definitions[name] = {}
            self._uses[name] = 0
            self._definitions[name] = _with_words(kind, make())
        self._uses[name] += 1
        return {"$ref": f"#/$defs/{name}"}

    def _object(
        self, kind: type, fields: Mapping[str, Mapping[Any, Any]], known: Mapping[object, object]
    ) -> dict[str, Any]:
        hints = _hints(kind)
        properties: dict[str, Any] = {}
        for name, metadata in fields.items():
            made = self.schema(hints.get(name, Any), f"{kind.__name__}.{name}", known)
            if DESCRIPTION in metadata:
                made = {**made, "description": str(metadata[DESCRIPTION])}
            properties[name] = made
        return {"type": "object", "properties": properties, "required": list(fields)}

    def _typed_dict(self, kind: Any) -> dict[str, Any]:
        hints = _hints(kind)
        return {
            "type": "object",
            "properties": {
                name: self.schema(hint, f"{kind.__name__}.{name}", {})
                for name, hint in hints.items()
            },
            "required": [
                name
                for name, hint in hints.items()
                if _is_required(hint, by_default=name in kind.__required_keys__)
            ],
        }

    def _pydantic(self, kind: Any, path: str) -> dict[str, Any]:
        """Return what a pydantic model says of itself; its definitions go among the others."""
        by_alias = bool(kind.model_config.get("serialize_by_alias", False))
        try:
            made: dict[str, Any] = kind.model_json_schema(mode="serialization", by_alias=by_alias)
        except Exception as error:
            raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
        inner = made.pop("$defs", {})
        places: dict[str, str] = {}
        for name in inner:
            places[name] = _free(name, self._definitions)
            self._definitions[places[name]] = {}
        for name, one in inner.items():
            self._definitions[places[name]] = _renamed(one, places)
        renamed: dict[str, Any] = _renamed(made, places)
        return renamed

    def _mapping(
        self, arguments: tuple[Any, ...], path: str, known: Mapping[object, object]
    ) -> dict[str, Any]:
        if len(arguments) != 2:
            return {"type": "object"}
        names = self.schema(arguments[0], f"{path} (keys)", known)
        made: dict[str, Any] = {
            "type": "object",
            "additionalProperties": self.schema(arguments[1], path, known),
        }
        if _writes_no_text(self._resolved(names)):
            raise ValueError(f"{path}: the keys of a JSON object are texts")
        if names not in ({}, {"type": "string"}):
            made["propertyNames"] = names
        return made

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        name = _referred(schema)
        return schema if name is None else self._definitions[name]

    def _named_tuple(self, kind: Any, path: str) -> dict[str, Any]:
        hints = _hints(kind)
        # JSON has no names here: `to_json` writes the list that a tuple is.
        return self._fixed(tuple(hints.get(one, Any) for one in kind._fields), path, {})

    def _fixed(
        self, arguments: tuple[Any, ...], path: str, known: Mapping[object, object]
    ) -> dict[str, Any]:
        items = [self.schema(one, f"{path}[{place}]", known) for place, one in enumerate(arguments)]
        made: dict[str, Any] = {"type": "array", "minItems": len(items), "maxItems": len(items)}
        return {**made, "prefixItems": items} if items else made

    def _list(
        self, kind: type, arguments: tuple[Any, ...], path: str, known: Mapping[object, object]
    ) -> dict[str, Any]:
        if not issubclass(kind, _LISTS) and not issubclass(kind, _ABSTRACT_LISTS):
            raise ValueError(f"{path}: {kind.__qualname__} is not JSON")
        if not arguments:
            return {"type": "array"}
        return {"type": "array", "items": self.schema(arguments[0], f"{path}[*]", known)}


def _unwrapped(hint: Any) -> Any:
    """Return what stands behind other names and behind what says nothing of values."""
    while True:
        origin = get_origin(hint)
        if hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        elif origin is not None and _is_qualifier(origin):
            (hint,) = get_args(hint)
        else:
            return hint


def _is_required(hint: Any, *, by_default: bool) -> bool:
    """Tell whether a key of a TypedDict is there always.

    `__required_keys__` does not know of qualifiers in annotations that are texts.
    """
    while (origin := get_origin(hint)) is not None:
        name = getattr(origin, "_name", None)
        if name in {"Required", "NotRequired"}:
            return bool(name == "Required")
        if origin is not Annotated and not _is_qualifier(origin):
            break
        hint = get_args(hint)[0]
    return by_default


def _is_qualifier(origin: object) -> bool:
    names = {"Required", "NotRequired", "ReadOnly", "Final", "ClassVar"}
    return getattr(origin, "_name", None) in names and not isinstance(origin, type)


def _annotated(made: dict[str, Any], metadata: tuple[object, ...]) -> dict[str, Any]:
    """Return a schema with what `typing_extensions.Doc` says of it."""
    said = [one.documentation for one in metadata if hasattr(one, "documentation")]
    return {**made, "description": str(said[0])} if said else made


def _any_of(made: list[dict[str, Any]]) -> dict[str, Any]:
    distinct = [one for place, one in enumerate(made) if one not in made[:place]]
    if {} in distinct:
        return {}
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _values(values: list[object]) -> dict[str, Any]:
    return {"const": values[0]} if len(values) == 1 else {"enum": values}


def _enum(kind: type[Enum]) -> dict[str, Any]:
    if issubclass(kind, Flag):
        # Each combination is a value, too.
        return {"type": "integer"}
    values: list[object] = []
    for one in kind:
        try:
            value = plain(one, kind.__name__)
        except InvalidPayload as error:
            raise ValueError(str(error)) from error
        if value not in values:
            values.append(value)
    return {"enum": values}


def _fields(kind: type) -> dict[str, Mapping[Any, Any]] | None:
    """Return the metadata of the fields that `to_json` writes; None for another class."""
    if attrs.has(kind):
        return {one.name: one.metadata for one in attrs.fields(kind) if one.init}
    if dataclasses.is_dataclass(kind):
        return {one.name: one.metadata for one in dataclasses.fields(kind) if one.init}
    return None


def _hints(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception as error:
        raise ValueError(
            f"{kind.__qualname__}: its annotations cannot be read: {type(error).__name__}: {error}"
        ) from error


def _with_words(kind: type, made: dict[str, Any]) -> dict[str, Any]:
    words = {"title": kind.__name__}
    said = (kind.__dict__.get("__doc__") or "").strip()
    # What `dataclass` writes where there is no docstring.
    if said and not said.startswith(f"{kind.__name__}("):
        words["description"] = " ".join(said.split("\n\n")[0].split())
    return {**words, **made}


def _free(name: str, taken: Mapping[str, object]) -> str:
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free


def _referred(schema: Mapping[str, Any]) -> str | None:
    """Return the name of the definition that a schema is a reference to, and no more."""
    reference = schema.get("$ref") if len(schema) == 1 else None
    return None if reference is None else str(reference).removeprefix("#/$defs/")


def _writes_no_text(schema: Mapping[str, Any]) -> bool:
    """Tell whether something is never written as a text."""
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return not all(isinstance(one, str) for one in values)
    return bool(schema.get("type", "string") != "string")


def _is_pydantic(kind: type) -> bool:
    return hasattr(kind, "model_json_schema") and hasattr(kind, "model_dump")


def _is_typed_dict(kind: type) -> bool:
    # Not all of them are of `typing`: see `typing_extensions`.
    return issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def _renamed(schema: dict[str, Any], places: Mapping[str, str]) -> Any:
    """Return a schema whose references lead to where the definitions are now."""

    def change(one: dict[str, Any]) -> dict[str, Any]:
        name = str(one.get("$ref", "")).removeprefix("#/$defs/")
        return {**one, "$ref": f"#/$defs/{places[name]}"} if name in places else one

    return changed(schema, change)


def _name(kind: object) -> str:
    return getattr(kind, "__qualname__", None) or str(kind)

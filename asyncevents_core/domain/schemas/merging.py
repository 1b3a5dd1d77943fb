"""Schemas without references, without parts that belong together, and by their alternatives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final

from asyncevents_core.domain.schemas.walking import found

TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_MOST: Final = 1_000
"""Alternatives that are told apart."""
_MOST_PARTS: Final = 10_000
_LOOPS: Final = 100


class TooMuch(Exception):
    """A schema branches so often that nobody can wait for the end."""


class Resolver:
    """Follows the references of one schema."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root

    def aim(self, reference: str) -> Any:
        """Return what a reference leads to; where that is nothing, a schema of everything."""
        try:
            return found(self.root, reference)
        except (LookupError, ValueError):
            return True

    def followed(self, schema: Any) -> Any:
        """Return what a schema leads to that is a reference and no more."""
        for _ in range(_LOOPS):
            if not isinstance(schema, Mapping) or set(schema) - {"$defs"} != {"$ref"}:
                return schema
            schema = self.aim(str(schema["$ref"]))
        return True


def alternatives(schema: Any, resolver: Resolver) -> Sequence[Mapping[str, Any]]:
    """Return what a value may be: schemas without references, `allOf`, `anyOf`, lists of types.

    What leads to itself on the spot says nothing. Raises `TooMuch`.
    """
    return _Splitting(resolver).split(schema, frozenset())


def types_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the types that values may have; integers are numbers, too."""
    if "type" in schema:
        given = schema["type"]
        names = frozenset([given] if isinstance(given, str) else given)
        return names | {"integer"} if "number" in names else names
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if values is None:
        return TYPES
    return frozenset(map(_type_of, values))


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


class _Splitting:
    """Splits one schema; `left` is how many parts of it may be looked at."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._left = _MOST_PARTS

    def split(self, schema: Any, above: frozenset[str]) -> list[Mapping[str, Any]]:
        """Return the alternatives of a schema; `above` are references that led to it."""
        self._left -= 1
        if self._left < 0:
            raise TooMuch
        if not isinstance(schema, Mapping):
            return [{"not": {}} if schema is False else {}]
        made = self._own(schema)
        if "$ref" in schema:
            target = str(schema["$ref"])
            aims: list[Mapping[str, Any]] = [{}]
            if target not in above:
                aims = self.split(self._resolver.aim(target), above | {target})
            made = _joined(made, aims, "$ref", target)
        for place, one in enumerate(schema.get("allOf", ())):
            made = _joined(made, self.split(one, above), f"allOf {place}", one)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                several = [it for one in schema[keyword] for it in self.split(one, above)]
                made = _joined(made, _distinct(several), keyword, schema[keyword])
        return made

    def _own(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return what a schema says by itself, for each of its types."""
        own = {keyword: one for keyword, one in schema.items() if keyword not in _IN_PLACE}
        if isinstance(own.get("type"), list):
            return [{**own, "type": name} for name in own["type"]]
        return [own]


_IN_PLACE: Final = frozenset({"$ref", "$defs", "allOf", "anyOf", "oneOf"})


def _distinct(several: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({json.dumps(one, sort_keys=True): one for one in several}.values())


def _joined(
    made: list[Mapping[str, Any]], several: Sequence[Mapping[str, Any]], keyword: str, written: Any
) -> list[Mapping[str, Any]]:
    """Return what is one of both; where that is too much, with the keyword as it is written."""
    if len(made) * len(several) <= _MOST:
        return _both(made, several)
    # Only that it is the same can be told then.
    return [{**one, keyword: written} for one in made]


def _both(
    some: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    return [_merged(one, other) for one, other in product(some, others)]


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema that says what both say."""
    made = dict(one)
    for keyword, value in other.items():
        if keyword not in made or made[keyword] == value:
            made[keyword] = value
        elif keyword == "required":
            made[keyword] = list(dict.fromkeys([*made[keyword], *value]))
        elif keyword in {"properties", "patternProperties", "$defs"}:
            made[keyword] = {
                name: _of_both(made[keyword].get(name), value.get(name))
                for name in {**made[keyword], **value}
            }
        elif keyword == "type":
            made[keyword] = _common(made[keyword], value)
        elif keyword == "enum":
            made[keyword] = [it for it in made[keyword] if it in value]
        elif keyword in {"additionalProperties", "items"}:
            made[keyword] = _of_both(made[keyword], value)
        elif keyword in {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}:
            made[keyword] = min(made[keyword], value)
        elif keyword in {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}:
            made[keyword] = max(made[keyword], value)
        elif keyword not in {"title", "description", "examples", "default"}:
            made[f"{keyword} and"] = value
    return made


def _of_both(one: Any, other: Any) -> Any:
    if one is None or one is True or one == other:
        return other
    if other is None or other is True:
        return one
    return {"allOf": [one, other]}


def _common(one: Any, other: Any) -> Any:
    names = types_of({"type": one}) & types_of({"type": other})
    # "number" includes "integer", which is then the narrower of the two.
    kept = names - {"integer"} if "number" in names else names
    return next(iter(kept)) if len(kept) == 1 else sorted(kept)

"""Schemas as applications give them: what of them can be used, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.domain.schemas.walking import found, subschemas
from asyncevents_core.errors import InvalidPayload
from asyncevents_core.showing import shown

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
LONGEST_SCHEMA: Final = 262_144
"""Bytes as JSON."""

_PLACES: Final = ("$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor")


def checked_schema(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a schema, of plain values only. Raises ValueError where it cannot be used.

    Whether its keywords have the right values is not looked at: `compile_schema` does that.
    References stay inside the schema: what stands elsewhere is never fetched.
    """
    try:
        text = to_json(given)
    except InvalidPayload as error:
        raise ValueError(str(error).replace("data", "the schema", 1)) from error
    if len(text) > LONGEST_SCHEMA:
        raise ValueError(
            f"the schema has {len(text):,} bytes as JSON, {LONGEST_SCHEMA:,} are allowed"
        )
    schema: dict[str, Any] = from_json(text)
    if mistake := next(_mistakes(schema), None):
        raise ValueError(mistake)
    return schema


def _mistakes(schema: Mapping[str, Any]) -> Iterator[str]:
    dialect = schema.get("$schema", DIALECT)
    if not isinstance(dialect, str) or dialect.rstrip("#") != DIALECT:
        yield f"$schema: {shown(dialect)} is not understood, but {DIALECT}"
    pointers = dict(subschemas(schema))
    for pointer, one in pointers.items():
        where = pointer or "/"
        for keyword in _PLACES:
            if keyword in one:
                yield f"{where}: {keyword} is not understood: use $defs, and $ref '#/$defs/…'"
        if pointer and "$id" in one:
            yield f"{where}: $id is understood at the top only"
        if "$ref" in one and (mistake := _reference_mistake(schema, one["$ref"], pointers)):
            yield f"{where}: {mistake}"


def _reference_mistake(
    schema: Mapping[str, Any], target: object, pointers: Mapping[str, object]
) -> str | None:
    if not isinstance(target, str) or (target != "#" and not target.startswith("#/")):
        return (
            f"$ref {shown(target)} leads out of the schema, and nothing is fetched: put what it "
            "means into $defs"
        )
    try:
        aim = found(schema, target)
    except (LookupError, ValueError):
        return f"$ref {shown(target)}: there is nothing"
    if target[1:] not in pointers and not isinstance(aim, bool):
        return f"$ref {shown(target)}: there is no schema there"
    if _leads_round(schema, target):
        return f"$ref {shown(target)}: it leads to itself, and says nothing"
    return None


def _leads_round(schema: Mapping[str, Any], target: str) -> bool:
    """Tell whether references lead round in a circle."""
    seen: set[str] = set()
    while target not in seen:
        seen.add(target)
        try:
            aim = found(schema, target)
        except (LookupError, ValueError):
            return False
        following = aim.get("$ref") if isinstance(aim, Mapping) else None
        if not isinstance(following, str):
            return False
        target = following
    return True

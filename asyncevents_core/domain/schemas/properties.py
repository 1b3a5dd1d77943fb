"""A schema as the rows of a table, for people: what is called what, and what may be in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from asyncevents_core.domain.schemas.walking import found

MOST_ROWS: Final = 500
_DEEPEST: Final = 12
_LONGEST: Final = 120
_LIMITS: Final = (
    ("minimum", "≥ {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "≤ {}"),
    ("exclusiveMaximum", "< {}"),
    ("multipleOf", "multiple of {}"),
    ("minLength", "length ≥ {}"),
    ("maxLength", "length ≤ {}"),
    ("minItems", "items ≥ {}"),
    ("maxItems", "items ≤ {}"),
    ("pattern", "like {}"),
)


@frozen(kw_only=True)
class PropertyRow:
    """One property. `path` is like ``lines[].sku``; `required`: it is there wherever its object is.

    `kind` says what it may be, in words such as ``integer`` or ``string (date) or null``.
    """

    path: str
    kind: str
    required: bool
    description: str
    deprecated: bool


def property_rows(schema: Mapping[str, Any]) -> Sequence[PropertyRow]:
    """Return the properties of a schema and of what is in it, at most `MOST_ROWS`.

    What contains itself is shown once. Alternatives are shown below each other.
    """
    rows: list[PropertyRow] = []
    for row in _rows(schema, schema, "", (), 0):
        if len(rows) >= MOST_ROWS:
            break
        if row not in rows:
            rows.append(row)
    return rows


def described(schema: object, root: Mapping[str, Any]) -> str:
    """Return what a value may be, in words."""
    return _kind(schema, root, 0)


def _rows(
    schema: object, root: Mapping[str, Any], path: str, above: tuple[str, ...], depth: int
) -> Iterator[PropertyRow]:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    if "$ref" in schema:
        target = str(schema["$ref"])
        if target not in above:
            yield from _rows(_aim(root, target), root, path, (*above, target), depth)
    required = schema.get("required", ())
    for name, one in _named(schema, "properties"):
        below = f"{path}.{name}" if path else name
        yield _row(one, root, below, required=name in required)
        yield from _rows(one, root, below, above, depth + 1)
    for name, one in _named(schema, "patternProperties"):
        below = f"{path}.<{name}>".lstrip(".")
        yield _row(one, root, below, required=False)
        yield from _rows(one, root, below, above, depth + 1)
    further = schema.get("additionalProperties")
    if isinstance(further, Mapping) and further:
        below = f"{path}.<any>".lstrip(".")
        yield _row(further, root, below, required=False)
        yield from _rows(further, root, below, above, depth + 1)
    for place, one in enumerate(schema.get("prefixItems", ())):
        below = f"{path}[{place}]"
        yield _row(one, root, below, required=place < schema.get("minItems", 0))
        yield from _rows(one, root, below, above, depth + 1)
    yield from _rows(schema.get("items"), root, f"{path}[]", above, depth + 1)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(keyword, ()):
            yield from _rows(one, root, path, above, depth + 1)


def _named(schema: Mapping[str, Any], keyword: str) -> Sequence[tuple[str, Any]]:
    found_there = schema.get(keyword)
    return list(found_there.items()) if isinstance(found_there, Mapping) else ()


def _row(schema: object, root: Mapping[str, Any], path: str, *, required: bool) -> PropertyRow:
    own = schema if isinstance(schema, Mapping) else {}
    aim = _aim(root, str(own["$ref"])) if "$ref" in own else {}
    referred = aim if isinstance(aim, Mapping) else {}
    return PropertyRow(
        path=path,
        kind=_kind(schema, root, 0),
        required=required,
        description=str(own.get("description") or referred.get("description") or ""),
        deprecated=own.get("deprecated") is True,
    )


def _kind(schema: object, root: Mapping[str, Any], depth: int) -> str:
    if not isinstance(schema, Mapping):
        return "nothing" if schema is False else "anything"
    if depth > _DEEPEST:
        return "…"
    if "$ref" in schema:
        aim = _aim(root, str(schema["$ref"]))
        title = aim.get("title") if isinstance(aim, Mapping) else None
        inner = _kind(aim, root, depth + 1)
        return f"{title} ({inner})" if title and inner in {"object", "array"} else inner
    if "const" in schema:
        return _json(schema["const"])
    if isinstance(schema.get("enum"), list):
        return _cut(" | ".join(_json(one) for one in schema["enum"]))
    for keyword in ("anyOf", "oneOf"):
        if isinstance(schema.get(keyword), list):
            kinds = [_kind(one, root, depth + 1) for one in schema[keyword]]
            return _cut(" or ".join(dict.fromkeys(kinds)))
    types = schema.get("type")
    names = types if isinstance(types, list) else [types]
    words = [_word(one, schema, root, depth) for one in names if isinstance(one, str)]
    limits = [text.format(schema[keyword]) for keyword, text in _LIMITS if keyword in schema]
    if not words:
        parts = [_kind(one, root, depth + 1) for one in schema.get("allOf", ())]
        words = [one for one in dict.fromkeys(parts) if one != "anything"]
        words = words or (["object"] if "properties" in schema else ["anything"])
    return _cut(", ".join([" or ".join(words), *limits]))


def _word(name: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> str:
    if name == "string" and isinstance(schema.get("format"), str):
        return f"string ({schema['format']})"
    if name == "array" and isinstance(schema.get("items"), Mapping):
        return f"array of {_kind(schema['items'], root, depth + 1)}"
    return name


def _aim(root: Mapping[str, Any], reference: str) -> Any:
    try:
        return found(root, reference)
    except (LookupError, ValueError):
        return {}


def _json(value: object) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

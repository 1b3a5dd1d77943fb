"""What stands where in a JSON Schema: its subschemas, and its references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

ONE: Final = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
"""Keywords whose value is a schema."""
LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Keywords whose value is a list of schemas."""
NAMED: Final = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
"""Keywords whose value has schemas by name."""


def subschemas(schema: object, pointer: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a schema and all that stand in it, each with its JSON Pointer."""
    if not isinstance(schema, Mapping):
        return
    yield pointer, schema
    for keyword, value in schema.items():
        below = f"{pointer}/{escaped(keyword)}"
        if keyword in ONE and isinstance(value, Mapping):
            yield from subschemas(value, below)
        elif (keyword in LISTS or keyword == "items") and isinstance(value, list | tuple):
            for place, one in enumerate(value):
                yield from subschemas(one, f"{below}/{place}")
        elif keyword in NAMED and isinstance(value, Mapping):
            for name, one in value.items():
                yield from subschemas(one, f"{below}/{escaped(name)}")


def changed(schema: object, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a schema in which each subschema, from the inside out, is what `change` makes of it.

    What `change` gets is a copy, which it may change. What is no object stays as it is.
    """
    if not isinstance(schema, Mapping):
        return schema
    made: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in ONE and isinstance(value, Mapping):
            made[keyword] = changed(value, change)
        elif (keyword in LISTS or keyword == "items") and isinstance(value, list | tuple):
            made[keyword] = [changed(one, change) for one in value]
        elif keyword in NAMED and isinstance(value, Mapping):
            made[keyword] = {name: changed(one, change) for name, one in value.items()}
        else:
            made[keyword] = value
    return change(made)


def moved(schema: object, *, before: str, after: str) -> Any:
    """Return a schema whose local references begin with `after` where they did with `before`.

    Both are JSON Pointers in a URI's fragment, such as ``#`` and ``#/components/schemas/a``.
    """

    def change(one: dict[str, Any]) -> dict[str, Any]:
        target = one.get("$ref")
        if isinstance(target, str) and (target == before or target.startswith(f"{before}/")):
            one["$ref"] = after + target[len(before) :]
        return one

    return changed(schema, change)


def escaped(token: str) -> str:
    """Return a name as a part of a JSON Pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescaped(token: str) -> str:
    """Return the name that a part of a JSON Pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


def found(root: object, reference: str) -> Any:
    """Return what a local reference, ``#`` or ``#/…``, points to. Raises LookupError."""
    here: Any = root
    for token in map(unescaped, reference.split("/")[1:]):
        if isinstance(here, Mapping):
            here = here[token]
        elif isinstance(here, list | tuple) and token.isdecimal():
            here = here[int(token)]
        else:
            raise LookupError(token)
    return here

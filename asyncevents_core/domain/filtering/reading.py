"""Reads the filters of the CloudEvents Subscriptions API from their JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from asyncevents_core.domain.filtering.cesql.expression import Expression
from asyncevents_core.domain.filtering.cesql.mistakes import Mistake
from asyncevents_core.domain.filtering.cesql.values import ValueType
from asyncevents_core.domain.filtering.dialects import (
    AllFilter,
    AnyFilter,
    AttributesFilter,
    NotFilter,
    SqlFilter,
)
from asyncevents_core.domain.filtering.event_filter import EventFilter
from asyncevents_core.domain.filtering.event_view import NO_ATTRIBUTES
from asyncevents_core.errors import InvalidFilter, suggestion
from asyncevents_core.showing import shown

MAX_DEPTH: Final = 20
"""``all``, ``any`` and ``not`` in each other."""

_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = MappingProxyType(
    {"exact": str.__eq__, "prefix": str.startswith, "suffix": str.endswith}
)
DIALECTS: Final = (*_COMPARISONS, "all", "any", "not", "sql")
_NAME: Final = re.compile(r"[a-z0-9]+")
_PAYLOAD: Final = (
    "is not an attribute but the payload, which these filters do not see: write the filter as a "
    "query, such as data.total:>100"
)


def read_filters(value: object) -> EventFilter:
    """Return the filter that parsed JSON means: an array of filters, or one of them.

    Raises `InvalidFilter`, with the place in the JSON.
    """
    if isinstance(value, Mapping):
        return _filter(value, "", 0)
    return AllFilter(_list(value, "", 0))


def expressions_in(value: object) -> Iterator[str]:
    """Yield the expressions in JSON that `read_filters` takes."""
    if isinstance(value, Mapping):
        for dialect, inner in value.items():
            if dialect == "sql":
                yield inner
            elif dialect not in _COMPARISONS:
                yield from expressions_in(inner)
    elif isinstance(value, list):
        for one in value:
            yield from expressions_in(one)


def _filter(value: object, path: str, depth: int) -> EventFilter:
    if depth > MAX_DEPTH:
        raise InvalidFilter(
            f"all, any and not stand in each other {MAX_DEPTH} times at most", path=path
        )
    if not isinstance(value, Mapping):
        raise InvalidFilter(
            f'must be an object such as {{"exact": …}}, not {_kind(value)}', path=path
        )
    if len(value) != 1:
        found = ", ".join(map(str, value)) or "none"
        raise InvalidFilter(
            f"must have one of {', '.join(DIALECTS)}, and no other; it has {found}. Several "
            "conditions go into a list",
            path=path,
        )
    ((dialect, inner),) = value.items()
    below = f"{path}.{dialect}" if dialect in DIALECTS else path
    match dialect:
        case "exact" | "prefix" | "suffix":
            return AttributesFilter(_attributes(inner, below), _COMPARISONS[dialect])
        case "all":
            return AllFilter(_some(inner, below, depth + 1))
        case "any":
            return AnyFilter(_some(inner, below, depth + 1))
        case "not":
            return NotFilter(_filter(inner, below, depth + 1))
        case "sql":
            return _sql(inner, below)
    close = suggestion(str(dialect), DIALECTS)
    raise InvalidFilter(
        f"there is no filter {shown(dialect)}{close}: {', '.join(DIALECTS)}", path=below
    )


def _list(value: object, path: str, depth: int) -> Sequence[EventFilter]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InvalidFilter(f"must be a list of filters, not {_kind(value)}", path=path)
    return [_filter(one, f"{path}[{number}]", depth) for number, one in enumerate(value)]


def _some(value: object, path: str, depth: int) -> Sequence[EventFilter]:
    found = _list(value, path, depth)
    if not found:
        raise InvalidFilter("must have one filter at least", path=path)
    return found


def _attributes(value: object, path: str) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        expected = f'must be an object such as {{"type": "order.created"}}, not {_kind(value)}'
        raise InvalidFilter(expected, path=path)
    if not value:
        raise InvalidFilter("must have one attribute at least", path=path)
    for name, text in value.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise InvalidFilter(
                f"{shown(name)} is no attribute: their names have small letters and digits only",
                path=path,
            )
        there = f"{path}.{name}"
        if name in NO_ATTRIBUTES:
            raise InvalidFilter(_PAYLOAD, path=there)
        if not isinstance(text, str):
            raise InvalidFilter(f"must be a text, not {_kind(text)}", path=there)
        if not text:
            raise InvalidFilter("must not be empty", path=there)
    return dict(value)


def _sql(value: object, path: str) -> EventFilter:
    if not isinstance(value, str):
        expected = f"must be an expression such as \"source LIKE '/shop%'\", not {_kind(value)}"
        raise InvalidFilter(expected, path=path)
    try:
        expression = Expression(value)
    except Mistake as error:
        raise _mistaken(error, value, path) from error
    for mistake in expression.certain:
        raise _mistaken(mistake, value, path)
    for name in NO_ATTRIBUTES & expression.names.keys():
        raise InvalidFilter(
            f"{name} {_PAYLOAD}", path=path, source=value, position=expression.names[name]
        )
    if expression.type not in {None, ValueType.BOOLEAN}:
        raise InvalidFilter(
            f"the expression is {expression.type.value}; compare it with something, so that it is "
            "true or false",
            path=path,
        )
    return SqlFilter(expression)


def _mistaken(error: Mistake, text: str, path: str) -> InvalidFilter:
    return InvalidFilter(str(error), path=path, source=text, position=error.position)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return shown(value)

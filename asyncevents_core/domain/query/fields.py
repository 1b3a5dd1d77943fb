"""The fields of a document: one attempt, and every value of the CloudEvent that it sent."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from asyncevents_core.domain.query.nodes import Field, Pattern, Wild


class FieldKind(enum.Enum):
    """What a field of the attempt holds."""

    TEXT = "text"
    INTEGER = "integer"
    SECONDS = "seconds"
    BOOLEAN = "boolean"
    DATE = "date"


FIELDS: Final[Mapping[str, FieldKind]] = MappingProxyType(
    {
        "log_id": FieldKind.INTEGER,
        "uuid": FieldKind.TEXT,
        "event_name": FieldKind.TEXT,
        "success": FieldKind.BOOLEAN,
        "started_at": FieldKind.DATE,
        "duration": FieldKind.SECONDS,
        "fate": FieldKind.TEXT,
        "outcome": FieldKind.TEXT,
        "http_status": FieldKind.INTEGER,
        "detail": FieldKind.TEXT,
        "attempt": FieldKind.INTEGER,
        "subscription_id": FieldKind.INTEGER,
        "sink": FieldKind.TEXT,
        "tenant": FieldKind.TEXT,
        "target": FieldKind.TEXT,
        "response": FieldKind.TEXT,
    }
)
"""The attempt's own fields. Everything else starts with ``data.``, the CloudEvent."""

NUMBERS: Final = tuple(
    name
    for name, kind in FIELDS.items()
    if kind in {FieldKind.INTEGER, FieldKind.SECONDS, FieldKind.DATE}
)
"""Those that are whole numbers in an index; dates and seconds are microseconds there."""
PRESENT: Final = frozenset({*NUMBERS, "success", "uuid", "event_name"}) - {"http_status"}
"""Those that every attempt has, whatever it was."""
CHOICES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "fate": ("delivered", "retrying", "dead_lettered", "abandoned"),
        "outcome": ("delivered", "retryable", "permanent", "gone", "abandoned"),
    }
)
"""What these texts can be."""

OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "event_id": "data.id",
        "created": "started_at",
        "status": "fate",
        "recipient_url": "target",
    }
)
"""Names that queries may use, too: a column of the log, and older names."""

EVENT: Final = "data"
PAYLOAD: Final = "data.data"
DEFAULT_FIELDS: Final = ("event_name", "uuid", PAYLOAD)
"""Searched where no field is named; the last one with everything below it."""

ATTRIBUTES: Final = frozenset(
    {
        "specversion",
        "id",
        "source",
        "type",
        "datacontenttype",
        "dataschema",
        "subject",
        "time",
        "tenant",
        "data",
        "data_base64",
    }
)
"""Members of the CloudEvent: `data.id` is the event's id, `data.data.id` the payload's."""


def canonical(name: str) -> str:
    """Return the path that a field's name stands for.

    >>> canonical("data.sku"), canonical("data.type"), canonical("event_name")
    ('data.data.sku', 'data.type', 'event_name')
    >>> canonical("created")
    'started_at'
    """
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    first, dot, rest = name.partition(".")
    if first == EVENT and dot and rest.partition(".")[0] not in ATTRIBUTES:
        return f"{PAYLOAD}.{rest}"
    return name


def short_name(path: str, text: str) -> str:
    """Return the name that a query's text has for a path: `data.` stands for `data.data.`.

    >>> short_name("data.data.sku", "data.sku:A"), short_name("data.data.sku", "data.data.sku:A")
    ('data.sku', 'data.data.sku')
    """
    short = f"{EVENT}.{path.removeprefix(f'{PAYLOAD}.')}"
    return short if path not in text and short in text else path


def canonical_pattern(pattern: Pattern) -> Pattern:
    """Return the pattern of paths that a name with wildcards stands for.

    As `canonical`, unless what stands before the first wildcard may begin an attribute's name:
    then the pattern is taken as it is.

    >>> canonical_pattern(Pattern(("data.items.", Wild.ANY))).parts[0]
    'data.data.items.'
    >>> canonical_pattern(Pattern(("data.t", Wild.ANY))).parts[0]
    'data.t'
    """
    start, *others = pattern.parts
    if not isinstance(start, str) or not start.startswith(f"{EVENT}."):
        return pattern
    rest = start.removeprefix(f"{EVENT}.")
    first, dot, _ = rest.partition(".")
    if first in ATTRIBUTES if dot else any(one.startswith(first) for one in ATTRIBUTES):
        return pattern
    return Pattern((f"{PAYLOAD}.{rest}", *others))


def is_known(name: str) -> bool:
    """Tell whether a path can hold anything at all."""
    return name in FIELDS or name.startswith(f"{EVENT}.")


def is_default(path: str) -> bool:
    """Tell whether a value at `path` is searched where no field is named."""
    return path in DEFAULT_FIELDS or path.startswith(f"{PAYLOAD}.")


def selects(field: Field, path: str) -> bool:
    """Tell whether `field` covers a value at `path`."""
    if field is None:
        return is_default(path)
    if isinstance(field, str):
        return field == path
    return matches(field, path)


def matches(pattern: Pattern, text: str) -> bool:
    """Tell whether a pattern covers all of a text. Linear in both for few placeholders."""
    reached = {0}
    for part in pattern.parts:
        if part is Wild.ANY:
            reached = set(range(min(reached), len(text) + 1))
        elif part is Wild.ONE:
            reached = {one + 1 for one in reached if one < len(text)}
        else:
            reached = {one + len(part) for one in reached if text.startswith(part, one)}
        if not reached:
            return False
    return len(text) in reached

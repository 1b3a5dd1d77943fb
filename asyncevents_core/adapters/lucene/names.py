"""The names of fields in a query, checked: one that cannot hold anything is a mistake."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NoReturn, Protocol

from asyncevents_core.domain.query.fields import (
    EVENT,
    FIELDS,
    FieldKind,
    canonical,
    canonical_pattern,
    is_known,
    matches,
)
from asyncevents_core.domain.query.nodes import Field, Pattern
from asyncevents_core.errors import suggestion

_OTHERWISE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "created_at": "started_at",
        "delivery_state": "fate",
        "error": "detail",
        "metadata": "sink",
        "store_id": "tenant",
        "url": "target",
    }
)
"""What other forms and the original's routes call otherwise."""
_COVERED: Final = frozenset({FieldKind.TEXT, FieldKind.BOOLEAN})


class Wrong(Protocol):
    """Raises `InvalidQuery` for a position of the text."""

    def __call__(self, position: int, expected: str, found: str = "") -> NoReturn: ...


def named_field(
    name: str | Pattern,
    position: int,
    wrong: Wrong,
    *,
    exists: bool = False,
    within: Field = None,
) -> str | Pattern:
    """Return the field that a name stands for, or complain.

    A name with wildcards covers the values of texts and flags; with `exists`, which asks for no
    value, all of them. `within` is the field whose parentheses it stands in.
    """
    if isinstance(name, str):
        path = canonical(name)
        if not is_known(path):
            inside = isinstance(within, str) and within.startswith(f"{EVENT}.")
            wrong(position, _below(f"{within}.{name}") if inside else _known(name), f"“{name}”")
        return path
    covered = [field for field in FIELDS if matches(name, field)]
    start = name.parts[0] if isinstance(name.parts[0], str) else ""
    event = f"{EVENT}."
    if start.startswith(event) or event.startswith(start):
        return canonical_pattern(name)
    if not covered:
        wrong(position, _known(start), f"“{start}…”")
    if not exists and not any(FIELDS[field] in _COVERED for field in covered):
        wrong(position, f"{' or '.join(covered)}, written out", f"“{start}…”")
    return name


def _known(name: str) -> str:
    payload = f"{EVENT}.{EVENT}.{name}"
    lower = name.lower()
    # “name” is closest to event_name, whatever the letters say.
    parts = [field for field in FIELDS if lower in field.split("_")]
    close = suggestion(lower, parts, cutoff=0.0) or suggestion(lower, FIELDS)
    if lower in _OTHERWISE:
        close = f" (did you mean {_OTHERWISE[lower]!r}?)"
    first = close or f" (did you mean {payload!r}, of the payload?)"
    return f"a field{first}: {', '.join(FIELDS)}, or {payload} for the payload"


def _below(path: str) -> str:
    return (
        f"values; a condition on what is below stands by itself: {path}:… AND …. Places in arrays "
        "do not count, so two conditions may be met by two items of an array"
    )

"""The names of fields in a query, checked: one that cannot hold anything is a mistake."""

from __future__ import annotations

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
from asyncevents_core.domain.query.nodes import Pattern
from asyncevents_core.errors import suggestion

_COVERED: Final = frozenset({FieldKind.TEXT, FieldKind.BOOLEAN})


class Wrong(Protocol):
    """Raises `InvalidQuery` for a position of the text."""

    def __call__(self, position: int, expected: str, found: str = "") -> NoReturn: ...


def named_field(
    name: str | Pattern, position: int, wrong: Wrong, *, exists: bool = False
) -> str | Pattern:
    """Return the field that a name stands for, or complain.

    A name with wildcards covers the values of texts and flags; with `exists`, which asks for no
    value, all of them.
    """
    if isinstance(name, str):
        path = canonical(name)
        if not is_known(path):
            wrong(position, _known(name), f"“{name}”")
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
    close = suggestion(name, FIELDS)
    payload = f"{EVENT}.{EVENT}.{name}"
    return f"a field: {', '.join(FIELDS)}, or {payload} for the payload{close}"

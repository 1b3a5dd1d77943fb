"""The names of fields in a query, checked: one that cannot hold anything is a mistake."""

from __future__ import annotations

from typing import NoReturn, Protocol

from asyncevents_core.domain.query.fields import EVENT, FIELDS, canonical, is_known
from asyncevents_core.domain.query.nodes import Pattern
from asyncevents_core.errors import suggestion


class Wrong(Protocol):
    """Raises `InvalidQuery` for a position of the text."""

    def __call__(self, position: int, expected: str, found: str = "") -> NoReturn: ...


def named_field(name: str | Pattern, position: int, wrong: Wrong) -> str | Pattern:
    """Return the field that a name stands for, or complain."""
    if isinstance(name, str):
        path = canonical(name)
        if not is_known(path):
            wrong(position, _known(name), f"“{name}”")
        return path
    start = name.parts[0]
    if isinstance(start, str) and not _leads_somewhere(start):
        wrong(position, _known(start), f"“{start}…”")
    return name


def _known(name: str) -> str:
    close = suggestion(name, FIELDS)
    payload = f"{EVENT}.{EVENT}.{name}"
    return f"a field: {', '.join(FIELDS)}, or {payload} for the payload{close}"


def _leads_somewhere(start: str) -> bool:
    event = f"{EVENT}."
    if start.startswith(event) or event.startswith(start):
        return True
    return any(name.startswith(start) for name in FIELDS)

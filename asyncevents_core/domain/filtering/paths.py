"""Where in an event a path of the search leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from asyncevents_core.domain.query.fields import EVENT
from asyncevents_core.domain.query.leaves import Scalar, leaves

OWN_FIELDS: Final[Mapping[str, str]] = MappingProxyType({"event_name": "type", "tenant": "tenant"})
"""Fields of the search beside ``data.…`` that an event has, and the attributes that they are."""

MAX_LEVELS: Final = 32
"""Levels of a path: what is kept of it grows with their square."""

_Steps = Sequence[tuple[str, int]]


class Path:
    """A path such as ``data.data.items.sku`` or ``event_name``, taken apart once.

    It leads through arrays. A dot in a key is the same as a level, as in the search: each key that
    is one or more of the path's parts is followed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        own = OWN_FIELDS.get(name)
        parts = name.removeprefix(f"{EVENT}.").split(".") if own is None else [own]
        self._end = len(parts)
        self._whole = ".".join(parts)
        self._steps: Sequence[_Steps] = [
            [(".".join(parts[start:end]), end) for end in range(start + 1, len(parts) + 1)]
            for start in range(len(parts))
        ]

    def values(self, event: Mapping[str, Any]) -> Sequence[Scalar]:
        """Return the values of an event at this very path, not those below it."""
        found: list[Scalar] = []
        waiting: list[tuple[Any, int]] = [(event, 0)]
        while waiting:
            value, at = waiting.pop()
            if at < self._end and isinstance(value, dict):
                for key, then in self._steps[at]:
                    if key in value:
                        waiting.append((value[key], then))
            elif isinstance(value, list):
                waiting.extend([(one, at) for one in value])
            elif at == self._end and isinstance(value, str | int | float):
                found.append(value)
        return found

    def leads_somewhere(self, event: Mapping[str, Any]) -> tuple[bool, int]:
        """Tell whether there is any value at this path or below it, and how many keys it took."""
        waiting: list[tuple[Any, str]] = [(event, self._whole)]
        looked = 0
        while waiting:
            value, rest = waiting.pop()
            if isinstance(value, list):
                looked += len(value)
                waiting.extend([(one, rest) for one in value])
            elif isinstance(value, dict):
                looked += len(value)
                for key, below in value.items():
                    if key == rest or key.startswith(f"{rest}."):
                        if any(True for _ in leaves(below, "")):
                            return True, looked
                    elif rest.startswith(f"{key}."):
                        waiting.append((below, rest[len(key) + 1 :]))
        return False, looked


def with_those_above(path: str) -> Iterator[str]:
    """Yield a path and the paths above it.

    >>> list(with_those_above("data.data.sku"))
    ['data.data.sku', 'data.data', 'data']
    """
    while path:
        yield path
        path = path.rpartition(".")[0]

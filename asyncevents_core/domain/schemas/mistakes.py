"""What is wrong with an event's data, by its schema: without the data itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.limits import storable

_LONGEST_POINTER: Final = 200
_LONGEST_WANTED: Final = 300
_SHOWN: Final = 3


@frozen(kw_only=True)
class SchemaMistake:
    """One thing that is wrong. Values of the data, which may be personal, are not in it.

    `pointer` is the JSON Pointer of where in the data, "" for all of it; `rule` that of the
    keyword of the schema; `wanted` says what is wanted there.
    """

    pointer: str
    rule: str
    wanted: str

    def __str__(self) -> str:
        return (
            f"{storable(self.pointer, _LONGEST_POINTER) or '/'}: "
            f"{storable(self.wanted, _LONGEST_WANTED)}"
        )


def told(mistakes: Sequence[SchemaMistake]) -> str:
    """Return the first mistakes in a line, and how many more there are."""
    text = "; ".join(map(str, mistakes[:_SHOWN]))
    more = len(mistakes) - _SHOWN
    return text if more <= 0 else f"{text}; and {more} more"

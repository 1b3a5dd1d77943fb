"""What checks an event's data by its schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from asyncevents_core.domain.schemas.mistakes import SchemaMistake

MOST_MISTAKES: Final = 20
"""How many mistakes are looked for."""


class SchemaCheck(Protocol):
    """One schema, ready to check with. Thread-safe."""

    def __call__(self, value: object, /) -> Sequence[SchemaMistake]:
        """Return what is wrong with a JSON value: up to `MOST_MISTAKES`, none where it is right.

        `value` consists of dict, list, tuple, str, int, float, bool and None.
        """
        ...

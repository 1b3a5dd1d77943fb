"""Pages by keyset: what comes after the last row that was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Row = TypeVar("Row")
Key = TypeVar("Key")


def page(
    rows: Sequence[Row], limit: int, key: Callable[[Row], Key]
) -> tuple[list[Row], Key | None]:
    """Split ``limit + 1`` rows that were asked for into a page and the key of the next one."""
    shown = list(rows[:limit])
    return shown, key(shown[-1]) if len(rows) > limit else None

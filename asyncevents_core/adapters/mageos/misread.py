"""The error of a file that cannot be read: where in it, and what is wrong."""

from __future__ import annotations

from pathlib import Path

from asyncevents_core.errors import InvalidValue


def misread(path: Path, line: int, what: str) -> InvalidValue:
    """Return the error for something in a line of a file."""
    return InvalidValue(f"{path}:{line}: {what}", field=str(path))

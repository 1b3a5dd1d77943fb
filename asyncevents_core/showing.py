"""How values are shown to people: short, and secrets not at all.

Apart from `structuring`, so that what every plugin imports does not load cattrs.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Final

import attrs

SECRET: Final = "secret"  # noqa: S105 - a key, no password
"""Key in an attrs field's metadata: ``field(metadata={SECRET: True})`` is masked everywhere."""

DOTS: Final = "•••"
"""What is shown instead of a secret."""


def masked(cls: type, values: Mapping[str, object]) -> dict[str, object]:
    """Return the values with a row of dots for each field that is marked as secret.

    Values that the class does not know are masked too: nobody says that they are harmless.
    """
    harmless = {one.name for one in attrs.fields(cls) if not one.metadata.get(SECRET)}
    return {name: value if name in harmless else DOTS for name, value in values.items()}


def shown(value: object) -> str:
    """Return a value as Python writes it, but of what is long or deep the beginning and the end."""
    short = reprlib.Repr()
    short.maxstring = short.maxlong = short.maxother = 100
    try:
        return short.repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        return f"one of type {type(value).__name__} with too many digits"

"""Text as every database takes it."""

from __future__ import annotations

import re
from typing import Final

_REFUSED: Final = re.compile(r"[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and lone surrogates, which no encoding has."""


def storable(text: str, most: int) -> str:
    """Return `text` as any database stores it: at most `most` characters, cut with an ellipsis.

    NUL and lone surrogates become U+FFFD.
    """
    if len(text) > most:
        text = text[: most - 1] + "…"
    return _REFUSED.sub("\ufffd", text)

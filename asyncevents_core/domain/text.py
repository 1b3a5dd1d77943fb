"""Text of others, made fit for any database."""

from __future__ import annotations

import re
from typing import Final

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
_ELLIPSIS: Final = "…"


def storable(text: str, most: int) -> str:
    """Return text that every database takes, of `most` characters at most.

    PostgreSQL refuses NUL, and UTF-8 has no lone surrogates: both become U+FFFD. Text that is
    longer ends with an ellipsis.
    """
    if len(text) > most:
        text = text[: max(0, most - 1)] + _ELLIPSIS[:most]
    return _UNSTORABLE.sub(_REPLACEMENT, text)

"""JSON that the ledger holds, in an answer."""

from __future__ import annotations

from typing import Any

from msgspec import Raw


def as_it_is(text: bytes) -> Any:
    """Return JSON text as a value that is written as it is.

    It is not read, so that nothing can be too deep or too large for an answer.
    """
    return Raw(text)

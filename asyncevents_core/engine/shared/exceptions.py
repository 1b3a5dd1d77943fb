"""What is kept of an exception: its reason, and its traceback without frames of this package."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

LONGEST_TRACEBACK: Final = 8_000
"""Characters that are kept of a traceback: the last ones, where it is longer."""
_OURS: Final = str(Path(__file__).parents[2])


def reason_of(error: BaseException) -> str:
    """Return what is said of an error: its type, and its text where that can be had."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def traceback_of(error: BaseException) -> str:
    """Return the traceback of an error, from the first frame that is not of this package on.

    Also where the error's own text cannot be had. Thread-safe.
    """
    found = error.__traceback__
    while found is not None and _is_ours(found):
        found = found.tb_next
    lines = traceback.format_exception(type(error), error, found or error.__traceback__)
    text = "".join(lines).rstrip()
    return text if len(text) <= LONGEST_TRACEBACK else "…" + text[1 - LONGEST_TRACEBACK :]


def _is_ours(one: TracebackType) -> bool:
    return one.tb_frame.f_code.co_filename.startswith(_OURS)

"""Garbage is collected rarely by the command line: it imports much, and ends soon."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_RARELY: Final = 20_000
"""Objects more than before; Python itself looks after 700, or 2,000."""


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Let Python look for garbage less often while the block runs.

    What is imported makes a great many objects, and nearly all of them stay. To look through them
    again and again took a fifth of the time in which a worker starts. Afterwards, Python looks at
    none of them any more, not even when the process ends: all that has to be closed is closed.
    """
    before = gc.get_threshold()
    gc.set_threshold(_RARELY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.freeze()

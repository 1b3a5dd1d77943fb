"""Looks at something again and again, in a thread, while a measurement runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

T = TypeVar("T")

_PATIENCE: Final = 60.0


@contextmanager
def sampled(look: Callable[[], T], *, every: float) -> Iterator[list[T]]:
    """Call `look` every so many seconds while the block runs; the list grows with what it returns.

    It is called once more when the block ends. What `look` raises is raised then.
    """
    found: list[T] = []
    errors: list[Exception] = []
    ended = threading.Event()

    def work() -> None:
        try:
            while not ended.is_set():
                found.append(look())
                ended.wait(every)
            found.append(look())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="samples", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join(_PATIENCE)
    if errors:
        raise errors[0]

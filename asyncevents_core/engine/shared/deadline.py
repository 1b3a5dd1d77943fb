"""Waiting for something that may never return."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")

_OVER: Final = object()


def answer_within(seconds: float, work: Callable[[], T]) -> T:
    """Return what `work` returns. Raises what it raises, and `TimeoutError` after `seconds`.

    It goes on then, on a thread that holds up nothing.
    """
    for result in each_within(seconds, lambda: iter([work()])):
        return result
    raise AssertionError("it returned nothing")


def each_within(seconds: float, work: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Yield what `work` yields, each within `seconds`. Raises as `answer_within`."""
    found: queue.SimpleQueue[object] = queue.SimpleQueue()

    def run() -> None:
        try:
            for one in work():
                found.put((one,))
        except BaseException as error:
            found.put(error)
        else:
            found.put(_OVER)

    threading.Thread(target=run, name="probe", daemon=True).start()
    while True:
        try:
            got = found.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"did not answer within {seconds:g} s") from None
        if isinstance(got, BaseException):
            raise got
        if not isinstance(got, tuple):
            return
        yield got[0]

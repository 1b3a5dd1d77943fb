"""Calls that are given up after a while: tantivy cannot be interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from asyncevents_core.errors import SearchTimeout

T = TypeVar("T")


class _Call(Generic[T]):
    """One call on a thread of its own."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._done = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Call, and keep the result or the error."""
        try:
            self._result.append(self._function())
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Tell whether it has ended within so many seconds."""
        return self._done.wait(max(0.0, seconds))

    def result(self) -> T:
        """Return what the call returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]


class Deadline:
    """Runs calls with a time limit, so many at once. Thread-safe.

    A call that is given up runs on, on a thread that does not keep the process alive, and counts
    until it has ended: expensive searches cannot pile up.
    """

    def __init__(self, *, at_once: int) -> None:
        self._slots = threading.BoundedSemaphore(at_once)

    def run(self, function: Callable[[], T], *, timeout: float) -> T:
        """Return what `function` returns. Raises `SearchTimeout` after `timeout` seconds."""
        until = time.monotonic() + timeout
        if timeout <= 0 or not self._slots.acquire(timeout=timeout):
            raise SearchTimeout(timeout)
        call = _Call(function)

        def run() -> None:
            try:
                call.run()
            finally:
                self._slots.release()

        threading.Thread(target=run, name="asyncevents-search", daemon=True).start()
        if not call.wait(until - time.monotonic()):
            raise SearchTimeout(timeout)
        return call.result()

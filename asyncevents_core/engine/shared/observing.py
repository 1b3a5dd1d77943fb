"""Tells observers what happens, on a thread of its own: they hold nothing up."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from asyncevents_core.ports.observer import Notice, Observer, Observers

logger = logging.getLogger("asyncevents.observers")

MOST_NOTICES: Final = 10_000
"""Notices that wait; more are dropped, and counted."""
_LAST_NOTICES: Final = 2.0
"""Seconds to tell what waits when the process ends."""


class ObserverThread(Observers):
    """Passes notices on, one after the other. Its thread starts with the first notice."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self.any = bool(self._observers)
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._notices: queue.Queue[Notice | None] = queue.Queue(MOST_NOTICES)
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many notices found the queue full."""
        return self._dropped

    def tell(self, notice: Notice) -> None:
        if not self._observers:
            return
        if self._thread is None or self._pid != os.getpid():
            self._start()
        try:
            self._notices.put_nowait(notice)
        except queue.Full:
            if not self._dropped:
                logger.warning("observers are too slow; notices are dropped")
            self._dropped += 1

    def close(self) -> None:
        """Tell what waits, for two seconds at most, and stop."""
        thread = self._thread
        if thread is None or self._pid != os.getpid():
            return
        with suppress(queue.Full):
            self._notices.put(None, timeout=_LAST_NOTICES)
        thread.join(_LAST_NOTICES)
        self._reset()

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():  # a fork: the thread is the parent's
                self._reset()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="observers", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        notices = self._notices
        while (notice := notices.get()) is not None:
            for observer in self._observers:
                try:
                    notice.tell(observer)
                except Exception:
                    logger.exception(
                        "an observer failed",
                        extra={
                            "observer": type(observer).__qualname__,
                            "notice": type(notice).__name__,
                        },
                    )

"""Tells observers what happens, each on a thread of its own: they hold nothing and nobody up."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from asyncevents_core.ports.observer import Notice, Observer, Observers

logger = logging.getLogger("asyncevents.observers")

MOST_NOTICES: Final = 10_000
"""Notices that wait for one observer; more are dropped, and counted."""
_PACE: Final = 0.05
"""Seconds for which notices gather: to wake a thread for each would cost more than the notice."""
_LAST_NOTICES: Final = 2.0
"""Seconds to tell what waits when the process ends."""


class ObserverThreads(Observers):
    """Passes notices on to each observer. Their threads start with the first notice."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._threads = tuple(_ObserverThread(one) for one in observers)
        self.any = bool(self._threads)

    @property
    def dropped(self) -> int:
        """How many notices found the queue of an observer full."""
        return sum(one.dropped for one in self._threads)

    def tell(self, notice: Notice) -> None:
        for one in self._threads:
            one.tell(notice)

    def close(self) -> None:
        """Tell what waits, for two seconds at most, and stop."""
        until = time.monotonic() + _LAST_NOTICES
        for one in self._threads:
            one.end()
        for one in self._threads:
            one.join(max(0.0, until - time.monotonic()))


class _ObserverThread:
    """Passes notices on to one observer, one after the other."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._notices: deque[Notice] = deque()
        self._bell = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self.dropped = 0

    def tell(self, notice: Notice) -> None:
        if self._thread is None or self._pid != os.getpid():
            self._start()
        if len(self._notices) >= MOST_NOTICES:
            if not self.dropped:
                logger.warning(
                    "an observer is too slow; notices are dropped",
                    extra={"observer": type(self._observer).__qualname__},
                )
            self.dropped += 1
            return
        self._notices.append(notice)
        if not self._bell.is_set():
            self._bell.set()

    def end(self) -> None:
        """Ask the thread to end when what waits is told. Does not wait for it."""
        if self._thread is None or self._pid != os.getpid():
            return
        self._ending.set()
        self._bell.set()

    def join(self, timeout: float) -> None:
        """Wait until it has ended, for so many seconds."""
        thread = self._thread
        if thread is None or self._pid != os.getpid():
            return
        thread.join(timeout)
        self._reset()

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():  # a fork: the thread is the parent's
                self._reset()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        # Those of this thread: what `_reset` makes is the next one's.
        notices, bell, ending = self._notices, self._bell, self._ending
        while notices or not ending.is_set():
            bell.wait()
            bell.clear()
            while notices:
                self._tell(notices.popleft())
            ending.wait(_PACE)

    def _tell(self, notice: Notice) -> None:
        try:
            notice.tell(self._observer)
        except BaseException:
            logger.exception(
                "an observer failed",
                extra={
                    "observer": type(self._observer).__qualname__,
                    "notice": type(notice).__name__,
                },
            )

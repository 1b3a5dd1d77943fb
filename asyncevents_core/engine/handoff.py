"""Hands the ids of committed events to the broker: in the background, best effort.

What is dropped here costs seconds, never an event: the sweep finds it in the ledger.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final
from uuid import UUID

from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.broker import MOST_IDS, Broker, Producer

logger = logging.getLogger("asyncevents.handoff")

CAPACITY: Final = 10_000
_AT_ONCE: Final = 20 * MOST_IDS
_EXIT_TIMEOUT: Final = 2.0
_PACE: Final = 0.005
_BUSY_PACE: Final = 0.02
_BUSY: Final = 10
"""Ids at a time from which on they are sent less often: a message costs more than an id."""
_SHORTEST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0


class HandOffThread:
    """A bounded queue of ids and the thread that sends them. Thread-safe; survives fork().

    The thread starts at the first `submit`, is flushed at exit, and is made anew in a child
    process, where the parent's queue is not sent a second time.
    """

    def __init__(self, broker: Broker, *, capacity: int = CAPACITY) -> None:
        self._broker = broker
        self._capacity = capacity
        self.dropped = 0
        self._thread: threading.Thread | None = None
        self._reset()
        _at_exit(self)

    def submit(self, ids: Sequence[UUID]) -> None:
        """Queue ids. Never blocks and never raises; with a full queue the rest is dropped."""
        if self._pid != os.getpid():
            # Forked: the thread, its locks and its connection belong to the parent.
            self._reset()
        with self._lock:
            room = self._capacity - len(self._queue)
            if room < len(ids):
                self.dropped += len(ids) - max(0, room)
                ids = ids[: max(0, room)]
            was_empty = not self._queue
            self._queue.extend(ids)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="asyncevents-handoff", daemon=True
                )
                self._thread.start()
            if was_empty:
                # Not each time: waking a thread takes as long as queueing many ids.
                self._wake.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until everything is sent or dropped; False if that takes longer."""
        until = time.monotonic() + timeout
        with self._lock:
            while (self._queue or self._sending) and self._thread is not None:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._wake.wait(left)
        return True

    def close(self, timeout: float = _EXIT_TIMEOUT) -> None:
        """Flush and stop. Idempotent; ids submitted later are dropped."""
        if self._pid != os.getpid():
            return
        self.flush(timeout)
        with self._lock:
            self._closed.set()
            thread = self._thread
            self._wake.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._queue: deque[UUID] = deque()
        self._sending = False
        self._closed = threading.Event()
        self._thread = None

    def _run(self) -> None:
        producer = self._broker.producer()
        pause = 0.0
        try:
            while True:
                some = self._next(pause)
                if some is None:
                    return
                # At once when idle, in groups under load.
                pause = self._send(producer, some, pause)
                with self._lock:
                    self._sending = False
                    self._wake.notify_all()
        finally:
            producer.close()

    def _next(self, pause: float) -> list[UUID] | None:
        """Wait for ids, `pause` seconds at least; None when closed."""
        # Outside of the lock, and not woken by what is queued meanwhile.
        self._closed.wait(pause)
        with self._lock:
            while not self._queue and not self._closed.is_set():
                self._wake.wait()
            if not self._queue:
                return None
            some = list(islice(self._queue, _AT_ONCE))
            for _ in some:
                self._queue.popleft()
            self._sending = True
            return some

    def _send(self, producer: Producer, ids: Sequence[UUID], pause: float) -> float:
        """Send ids; return how long to pause: longer and longer while the broker is away."""
        begun = time.monotonic()
        try:
            producer.send(ids)
        except Exception as error:
            expected = isinstance(error, AsyncEventsError)
            if pause < _SHORTEST_PAUSE:
                logger.warning(
                    "the broker does not answer; workers find the events in the ledger",
                    extra={"error": str(error)},
                    exc_info=None if expected else error,
                )
            with self._lock:
                self.dropped += len(ids)
            return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, pause * 2))
        if pause >= _SHORTEST_PAUSE:
            logger.info("the broker answers again")
        pace = _PACE if len(ids) < _BUSY else _BUSY_PACE
        return max(0.0, pace - (time.monotonic() - begun))


def _at_exit(thread: HandOffThread) -> None:
    reference = weakref.ref(thread)

    def close() -> None:
        alive = reference()
        if alive is not None:
            alive.close()

    atexit.register(close)
    # Without this, every object ever made would leave a handler behind.
    weakref.finalize(thread, atexit.unregister, close)

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
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final
from uuid import UUID

from asyncevents_core.engine.shared.carrier import IdCarrier
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.broker import MOST_IDS, Broker, Producer
from asyncevents_core.ports.observer import NOBODY, EventsHandedOff, HandOffsDropped, Observers

logger = logging.getLogger("asyncevents.handoff")

CAPACITY: Final = 10_000
_AT_ONCE: Final = 20 * MOST_IDS
_EXIT_TIMEOUT: Final = 2.0
_PACE: Final = 0.005
_BUSY_PACE: Final = 0.02
_BUSY: Final = 10
"""Ids at a time from which on they are sent less often: a message costs more than an id."""
_FORK_PATIENCE: Final = 1.0
"""Seconds that a fork waits for a message that is being sent."""
_SHORTEST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0


class HandOffThread(IdCarrier):
    """A bounded queue of ids and the thread that sends them. Thread-safe; survives fork().

    The thread starts at the first `submit`, is flushed at exit, and is made anew in a child
    process, where the parent's queue is not sent a second time. A fork waits until the thread is
    outside of the broker's client: a child would inherit locks in there that nobody releases.
    It `works` until it cannot send, and again from the first ids that it could send.
    """

    def __init__(
        self, broker: Broker, *, capacity: int = CAPACITY, observers: Observers = NOBODY
    ) -> None:
        self._broker = broker
        self._observers = observers
        self._capacity = capacity
        self.dropped = 0
        self._thread: threading.Thread | None = None
        self._forking: int | None = None
        self._startable = True
        self._reset()
        _at_exit(self)
        _at_fork(self)

    def submit(self, ids: Sequence[UUID]) -> None:
        """Queue ids. Never blocks and never raises; with a full queue the rest is dropped."""
        if self._pid != os.getpid():
            # Forked: the thread, its locks and its connection belong to the parent.
            self._reset()
        with self._lock:
            room = self._capacity - len(self._queue)
            if room < len(ids):
                self._drop(len(ids) - max(0, room))
                ids = ids[: max(0, room)]
            was_empty = not self._queue
            self._queue.extend(ids)
            if self._thread is None and not self._closed.is_set():
                self._start()
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

    def before_fork(self) -> None:
        """Keep the thread out of the broker's client, if it leaves in time."""
        if self._outside.acquire(timeout=_FORK_PATIENCE):
            self._forking = threading.get_ident()

    def after_fork_in_parent(self) -> None:
        """Let the thread go on."""
        if self._forking == threading.get_ident():
            self._forking = None
            self._outside.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: the thread, its locks and its connection belong to the parent."""
        self._reset()

    def _start(self) -> None:
        """Start the thread; where that is impossible, the sweep finds what waits."""
        thread = threading.Thread(target=self._run, name="asyncevents-handoff", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # Too many threads, or the interpreter is about to end. The events are committed.
            if self._startable:
                logger.warning(
                    "no thread for hand-offs; workers find the events in the ledger",
                    extra={"error": str(error)},
                )
            self._startable = False
            self._drop(len(self._queue))
            self._queue.clear()
        else:
            self._thread, self._startable = thread, True

    def _drop(self, count: int) -> None:
        """Count ids that go no further. To be called with the lock."""
        self.dropped += count
        if self._observers.any:
            self._observers.tell(HandOffsDropped(events=count))

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._outside = threading.Lock()
        self._forking = None
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._queue: deque[UUID] = deque()
        self._sending = False
        self._closed = threading.Event()
        self._thread = None
        self.works = True

    def _run(self) -> None:
        outside = self._outside
        with outside:
            producer = self._broker.producer()
        pause = 0.0
        try:
            while True:
                some = self._next(pause)
                if some is None:
                    return
                # At once when idle, in groups under load.
                with outside:
                    pause = self._send(producer, some, pause)
                with self._lock:
                    self._sending = False
                    self._wake.notify_all()
        finally:
            with outside:
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
            if self.works:
                logger.warning(
                    "the broker does not answer; workers find the events in the ledger",
                    extra={"error": str(error)},
                    exc_info=None if expected else error,
                )
            self.works = False
            with self._lock:
                self._drop(len(ids))
            return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, pause * 2))
        if self._observers.any:
            self._observers.tell(EventsHandedOff(event_ids=tuple(ids)))
        if not self.works:
            self.works = True
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


def _at_fork(thread: HandOffThread) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    # Handlers stay for ever; what they hold does not.
    reference = weakref.ref(thread)

    def call(step: Callable[[HandOffThread], None]) -> None:
        alive = reference()
        if alive is not None:
            step(alive)

    os.register_at_fork(
        before=lambda: call(HandOffThread.before_fork),
        after_in_parent=lambda: call(HandOffThread.after_fork_in_parent),
        after_in_child=lambda: call(HandOffThread.after_fork_in_child),
    )

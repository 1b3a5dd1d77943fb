"""What reaches the claiming thread from others: rings, times, messages, results of services."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

from asyncevents_core.engine.delivering.leases import Resolved
from asyncevents_core.ports.broker import HandOff, Publication


class Bell:
    """Wakes one thread; rings are not counted. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Wake the thread, or let its next `wait` return at once."""
        # Setting it takes a lock. Once rung, the thread is yet to look at what this ring is about.
        if not self._event.is_set():
            self._event.set()

    def wait(self, timeout: float) -> None:
        """Sleep until rung, at most `timeout` seconds."""
        self._event.wait(max(0.0, timeout))
        self._event.clear()


class Alarm:
    """The times at which deliveries become due that this process knows of. Thread-safe."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._times: list[float] = []

    def set(self, delay: float) -> None:
        """Note that a delivery becomes due in `delay` seconds."""
        heapq.heappush(self._times, time.monotonic() + delay)
        self._bell.ring()

    @property
    def next(self) -> float | None:
        """The first of the times, monotonic seconds."""
        return self._times[0] if self._times else None

    def ring_off(self, now: float) -> bool:
        """Strike off the times up to `now`; tell whether there were any. For one thread."""
        found = False
        while self._times and self._times[0] <= now:
            heapq.heappop(self._times)
            found = True
        return found


class Inbox:
    """Messages received and not yet claimed, and those to acknowledge. Thread-safe.

    One thread puts and acknowledges with the broker, another takes.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._messages: deque[HandOff] = deque()
        self._done: queue.SimpleQueue[HandOff] = queue.SimpleQueue()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, messages: Sequence[HandOff]) -> None:
        """Add messages and wake the claiming thread."""
        self._messages.extend(messages)
        self._bell.ring()

    def take(self, ids: int) -> list[HandOff]:
        """Take messages with at most `ids` ids in all, but one at least if there is room."""
        taken: list[HandOff] = []
        while self._messages and ids > 0:
            ids -= len(self._messages[0].ids)
            taken.append(self._messages.popleft())
        return taken

    def put_back(self, messages: Sequence[HandOff]) -> None:
        """Return messages whose claim failed, in their order."""
        self._messages.extendleft(reversed(messages))

    def acknowledge(self, messages: Iterable[HandOff]) -> None:
        """Let the receiving thread acknowledge messages whose claim is committed, soon."""
        for message in messages:
            self._done.put(message)

    def connected_anew(self) -> None:
        """Note that what was not acknowledged comes again. Hand-offs may stay: they are ids."""

    def claimed(self, wait: float) -> list[HandOff]:
        """Return what is to be acknowledged, waiting up to `wait` seconds for the first one."""
        found: list[HandOff] = []
        try:
            found.append(self._done.get(timeout=wait) if wait else self._done.get_nowait())
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            return found


class PublicationInbox(Inbox):
    """An inbox that keeps what asks for publishing apart, for a thread of its own.

    That thread takes; what it cannot publish yet, it puts back.
    """

    def __init__(self, bell: Bell) -> None:
        super().__init__(bell)
        self.asked = Bell()
        """Rings where something is to be published."""
        self._lock = threading.Lock()
        self._connections = 0
        self._publications: deque[Publication] = deque()

    @property
    def publications(self) -> int:
        """How many messages ask for publishing, and are not taken."""
        return len(self._publications)

    def put(self, messages: Sequence[HandOff]) -> None:
        """Add messages and wake the threads that they are for."""
        asking = [one for one in messages if isinstance(one, Publication)]
        if len(asking) < len(messages):
            super().put([one for one in messages if not isinstance(one, Publication)])
        if asking:
            with self._lock:
                self._publications.extend(asking)
            self.asked.ring()

    def connected_anew(self) -> None:
        """Forget what asks for publishing: it comes again, and would be published twice."""
        with self._lock:
            self._connections += 1
            self._publications.clear()

    def take_publications(self) -> tuple[int, deque[Publication]]:
        """Take what asks for publishing, and the number of the connection that it came on."""
        with self._lock:
            taken, self._publications = self._publications, deque()
            return self._connections, taken

    def put_back_publications(self, connection: int, left: Iterable[Publication]) -> None:
        """Return what was not published, in its order, unless it comes again anyway."""
        with self._lock:
            if connection == self._connections:
                self._publications.extendleft(reversed(list(left)))


class ResolvedInbox:
    """What services returned, until it is fanned out. Any thread puts, one takes."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._resolved: deque[Resolved] = deque()

    def __len__(self) -> int:
        return len(self._resolved)

    def put(self, resolved: Resolved) -> None:
        """Add a result and wake the claiming thread."""
        self._resolved.append(resolved)
        self._bell.ring()

    def take(self) -> list[Resolved]:
        """Take all of them."""
        taken: list[Resolved] = []
        while self._resolved:
            taken.append(self._resolved.popleft())
        return taken

    def put_back(self, resolved: Sequence[Resolved]) -> None:
        """Return results that could not be written, in their order."""
        self._resolved.extendleft(reversed(resolved))

"""Messages in a queue of ours that are not ours: kept apart for a while, and put back.

Somebody else may wait for them. Nobody may, too: then each comes again and again, so each time it
is kept longer, and a queue full of them costs next to nothing.
"""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from itertools import count
from typing import Any, Final

from attrs import frozen

from asyncevents_core.adapters.kombu.received import ReceivedMessage

_PAUSES: Final = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until a message is put back: at first at once, whoever waits for it gets it soon.

Where somebody takes each second one, that is after 0.7 s on average.
"""
MOST_KEPT: Final = 1_000
"""Messages that are kept at a time."""
MOST_BYTES: Final = 32 * 1024 * 1024
_MOST_KNOWN: Final = 10_000
"""Messages of which it is known how often they came."""
_CROWDED: Final = 0.05
"""Seconds for one message when no more can be kept: 20 a second are put back at once, then."""


@frozen
class _Kept:
    until: float
    number: int
    message: ReceivedMessage
    bytes: int

    def __lt__(self, other: _Kept) -> bool:
        return (self.until, self.number) < (other.until, other.number)


class Strangers:
    """Used by the thread that receives. `queue` is where they came from."""

    def __init__(
        self, queue: str, *, now: Callable[[], float] = time.monotonic, sleep: Any = time.sleep
    ) -> None:
        self._queue = queue
        self._now = now
        self._sleep = sleep
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._kept: list[_Kept] = []
        self._bytes = 0
        self._numbers = count()

    def __len__(self) -> int:
        """Return how many are kept; each takes a place among what may be unacknowledged."""
        return len(self._kept)

    def keep(self, message: ReceivedMessage) -> None:
        """Keep a message until its time has come."""
        pause = _PAUSES[min(self._times_seen(message), len(_PAUSES)) - 1]
        size = _release_body(message)
        if len(self._kept) >= MOST_KEPT or self._bytes + size > MOST_BYTES:
            self._sleep(_CROWDED)
            pause = 0.0
        kept = _Kept(self._now() + pause, next(self._numbers), message, size)
        heapq.heappush(self._kept, kept)
        self._bytes += size

    def put_back(self, *, all_of_them: bool = False) -> int:
        """Put those back whose time has come; return how many.

        Raises what the broker's client raises.
        """
        number = 0
        while self._kept and (all_of_them or self._kept[0].until <= self._now()):
            kept = heapq.heappop(self._kept)
            self._bytes -= kept.bytes
            _put_back(kept.message, self._queue)
            number += 1
        return number

    def forget(self) -> None:
        """Leave those that are kept to the broker: the connection is lost."""
        self._kept.clear()
        self._bytes = 0

    def _times_seen(self, message: ReceivedMessage) -> int:
        key = blake2b(message.body, digest_size=16).digest()
        times = self._known.pop(key, 0) + 1
        if times == 1 and len(self._known) >= _MOST_KNOWN:
            # So many that one that was forgotten may be an old one, too.
            self._known.popitem(last=False)
            times = len(_PAUSES)
        self._known[key] = times
        return times


def _release_body(message: ReceivedMessage) -> int:
    """Let go of what putting the message back does not need; return the bytes that stay."""
    size = message.size if hasattr(message, "_raw") else 0
    message.body = b""
    return size


def _put_back(message: ReceivedMessage, queue: str) -> None:
    raw = getattr(message, "_raw", None)
    if raw is None:
        # RabbitMQ puts it where it was, with all that belongs to it.
        message.requeue()
        return
    # Of others kombu would send it by its exchange and key, which need not be known here.
    message.channel._put(queue, raw)
    message.ack()

"""`MemoryBroker`: at-least-once delivery without a server, for tests."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

from asyncevents_core.errors import BrokerError, BrokerUnavailable
from asyncevents_core.ports.broker import MOST_IDS, Broker, Consumer, HandOff, Producer


class MemoryBroker(Broker):
    """A broker in memory. Thread-safe; each object is a broker of its own.

    Messages that a consumer did not acknowledge come again when it closes or loses its
    connection. `lose`, `duplicate`, `delay` and `fail` make it behave as badly as real ones.
    It does not reach the children of a fork.
    """

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._ready: deque[tuple[UUID, ...]] = deque()
        self._delayed: list[tuple[UUID, ...]] = []
        self._to_lose = 0
        self._to_duplicate = 0
        self._to_delay = 0
        self._to_fail: float = 0

    def __repr__(self) -> str:
        return f"MemoryBroker({len(self)} messages)"

    def __len__(self) -> int:
        """Return how many messages wait for a consumer."""
        with self._arrived:
            return len(self._ready)

    # -- the port ---------------------------------------------------------------------------

    def producer(self) -> Producer:
        return _MemoryProducer(self)

    def consumer(self, *, prefetch: int) -> Consumer:
        return _MemoryConsumer(self, prefetch)

    def publications(self, *, prefetch: int) -> Consumer:
        # Nothing but ids can be sent here: it is a queue that stays empty.
        return MemoryBroker().consumer(prefetch=prefetch)

    def validate(self) -> None:
        # There is nothing that could be missing.
        return

    def check(self) -> str:
        with self._arrived:
            self._connect()
        return "in memory"

    def try_out(self) -> None:
        with self._arrived:
            self._connect()

    def quarantined(self) -> int:
        # Nothing but ids can be sent here.
        return 0

    # -- for tests --------------------------------------------------------------------------

    def lose(self, messages: int = 1) -> None:
        """Let the next messages that are sent vanish without an error."""
        with self._arrived:
            self._to_lose += messages

    def duplicate(self, messages: int = 1) -> None:
        """Let the next messages that are sent arrive twice."""
        with self._arrived:
            self._to_duplicate += messages

    def delay(self, messages: int = 1) -> None:
        """Hold the next messages that are sent back until `release`."""
        with self._arrived:
            self._to_delay += messages

    def release(self) -> None:
        """Let the messages arrive that were held back."""
        with self._arrived:
            self._ready.extend(self._delayed)
            self._delayed.clear()
            self._arrived.notify_all()

    def fail(self, times: int | None = 1) -> None:
        """Let the next calls (send, receive, check) raise `BrokerUnavailable`.

        None: all of them until `recover`. A consumer loses its connection with that: what it
        did not acknowledge comes again.
        """
        with self._arrived:
            self._to_fail = math.inf if times is None else self._to_fail + times

    def recover(self) -> None:
        """Stop failing."""
        with self._arrived:
            self._to_fail = 0

    # -- called by producers and consumers, which hold no lock --------------------------------

    def _connect(self) -> None:
        if self._to_fail:
            self._to_fail -= 1
            raise BrokerUnavailable("the broker in memory was told to fail")

    def _send(self, ids: tuple[UUID, ...]) -> None:
        with self._arrived:
            self._connect()
            if self._to_lose:
                self._to_lose -= 1
                return
            if self._to_delay:
                self._to_delay -= 1
                self._delayed.append(ids)
                return
            self._ready.append(ids)
            if self._to_duplicate:
                self._to_duplicate -= 1
                self._ready.append(ids)
            self._arrived.notify_all()

    def _take(self, most: int, timeout: float, lost: Callable[[], None]) -> list[tuple[UUID, ...]]:
        """Wait for messages and take them; `lost` is called if the connection is lost."""
        until = time.monotonic() + timeout
        with self._arrived:
            try:
                self._connect()
            except BrokerUnavailable:
                lost()
                raise
            while not (self._ready and most):
                left = until - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    break
            return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def _return(self, messages: Sequence[tuple[UUID, ...]]) -> None:
        with self._arrived:
            self._ready.extendleft(reversed(messages))
            self._arrived.notify_all()


class _MemoryProducer(Producer):
    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def send(self, ids: Sequence[UUID]) -> None:
        for start in range(0, len(ids), MOST_IDS):
            self._broker._send(tuple(ids[start : start + MOST_IDS]))

    def close(self) -> None:
        """See `Producer`. There is no connection to close."""


class _MemoryHandOff(HandOff):
    def __init__(self, consumer: _MemoryConsumer, ids: tuple[UUID, ...]) -> None:
        self.ids = ids
        self._consumer = consumer

    def ack(self) -> None:
        self._consumer._ack(self)


class _MemoryConsumer(Consumer):
    def __init__(self, broker: MemoryBroker, prefetch: int) -> None:
        self._broker = broker
        self._prefetch = prefetch
        self._thread = threading.get_ident()
        self._unacknowledged: dict[int, _MemoryHandOff] = {}

    def receive(self, timeout: float) -> Sequence[HandOff]:
        self._check_thread()
        most = self._prefetch - len(self._unacknowledged)
        taken = self._broker._take(most, timeout, self._lose_connection)
        messages = [_MemoryHandOff(self, ids) for ids in taken]
        self._unacknowledged.update((id(one), one) for one in messages)
        return messages

    def close(self) -> None:
        self._lose_connection()

    def _ack(self, message: _MemoryHandOff) -> None:
        self._check_thread()
        if self._unacknowledged.pop(id(message), None) is None:
            raise BrokerError(
                "this message was acknowledged before, or its connection is closed: acknowledge "
                "each message once, on the consumer that received it"
            )

    def _lose_connection(self) -> None:
        messages = [one.ids for one in self._unacknowledged.values()]
        self._unacknowledged.clear()
        self._broker._return(messages)

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise BrokerError("a consumer is used by the thread that opened it, and no other")

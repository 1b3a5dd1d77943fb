"""The retry manager `redis`: delivery ids in a sorted set, by the time when they are due.

The ledger's due time, a minute later, stays as the backstop. So nothing here has to be
durable: a Redis that forgets everything makes retries a minute late.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import redis

from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.plugin import Consumer, HandOff, RetryManager, ScheduledRetry

BATCH = 50
POLL_EVERY = 0.1
# Take what is due by Redis' own clock, and let it be due again in 30 s unless it is removed.
TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local due = redis.call('ZRANGEBYSCORE', KEYS[1], 0, now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], now + 30, id) end
return due
"""


class RedisRetryManager(RetryManager):
    """Writes retries down; the `woken` consumers of the workers read them."""

    backstop = 60.0
    wakes = True

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._redis = redis.Redis.from_url(url)

    def schedule(self, retries: Sequence[ScheduledRetry]) -> None:
        """Add them, or move them to their new time."""
        if not retries:
            return
        with failures():
            seconds, micros = self._redis.time()
            now = seconds + micros / 1_000_000
            self._redis.zadd(self._key, {str(one.delivery_id): now + one.delay for one in retries})

    def woken(self, *, prefetch: int) -> Consumer:
        """Return a consumer that polls the set."""
        return Wakening(self._url, self._key, prefetch)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()


class Wakening(Consumer):
    """Takes ids that are due; acknowledging removes them."""

    def __init__(self, url: str, key: str, prefetch: int) -> None:
        self._key = key
        self._redis = redis.Redis.from_url(url)
        self._most = prefetch * BATCH

    def receive(self, timeout: float) -> Sequence[HandOff]:
        """Poll until something is due, or the time is over."""
        until = time.monotonic() + timeout
        while True:
            with failures():
                due: list[Any] = self._redis.eval(TAKE, 1, self._key, self._most)
            if due:
                ids = [UUID(one.decode()) for one in due]
                batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
                return [Woken(tuple(batch), self._remove) for batch in batches]
            if time.monotonic() >= until:
                return []
            time.sleep(POLL_EVERY)

    def close(self) -> None:
        """Close the connection; what was not acknowledged is due again after 30 s."""
        self._redis.close()

    def _remove(self, ids: Sequence[UUID]) -> None:
        with failures():
            self._redis.zrem(self._key, *map(str, ids))


class Woken(HandOff):
    """Some deliveries whose time has come."""

    def __init__(self, ids: tuple[UUID, ...], remove: Callable[[Sequence[UUID]], None]) -> None:
        self.ids = ids
        self._remove = remove

    def ack(self) -> None:
        """Forget them: the ledger knows that they are due."""
        self._remove(self.ids)


@contextmanager
def failures() -> Iterator[None]:
    """Turn Redis' errors into the one that the contract names."""
    try:
        yield
    except redis.RedisError as error:
        raise BrokerUnavailable(f"Redis: {error}") from error

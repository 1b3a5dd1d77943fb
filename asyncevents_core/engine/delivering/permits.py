"""Who may start: the budget of a process and the share of each subscription in it.

Every delivery starts on the fast budget; after `SLOW_AFTER` seconds it moves to the slow one,
four times as large, so that slow recipients do not keep fast ones waiting. A subscription with
deliveries on the slow budget gets a quarter of the fast one at most. Its cap, how many of its
deliveries may be under way at all, starts low, grows by one with each success, and is halved by
each time-out: the slow start of TCP (RFC 5681), so that a recipient that hangs from the first
request on holds few permits, and one that answers doubles its cap with every round trip.
A subscription with a rate limit spends a token per delivery; tokens come back with time.
"""

from __future__ import annotations

import enum
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from attrs import define

SLOW_AFTER: Final = 1.0
_SLOW_FACTOR: Final = 4
_FAST_SHARE: Final = 4
_FIRST_CAP: Final = 16
_REMEMBERED: Final = 10_000
NO_LIMIT: Final = sys.maxsize
NO_RATES: Final[Mapping[int, float]] = MappingProxyType({})


class Verdict(enum.Enum):
    """Whether a delivery may start now."""

    GRANTED = enum.auto()
    PARK = enum.auto()
    """Its own subscription has no permit left: outside the due index until one is free."""
    FULL = enum.auto()
    """The process has none left: waiting, for any worker to take."""


@define
class _Usage:
    cap: int
    fast: int = 0
    slow: int = 0


@define
class _Bucket:
    """Tokens of a subscription with a rate limit: those of one second at most."""

    tokens: float
    at: float

    def filled(self, rate: float, now: float) -> float:
        return min(max(1.0, rate), self.tokens + rate * (now - self.at))


class Permits:
    """Counts what is under way in this process. Thread-safe. `clock` returns seconds.

    Only one thread takes (through `plan`), so a plan can be made before a transaction and
    taken after its commit.
    """

    def __init__(
        self,
        *,
        budget: int,
        per_subscription: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._buckets: dict[int, _Bucket] = {}
        self._fast_budget = budget
        self._slow_budget = _SLOW_FACTOR * budget
        self._highest_cap = per_subscription
        self._first_cap = min(_FIRST_CAP, per_subscription)
        self._usage: dict[int, _Usage] = {}
        self._idle_caps: dict[int, int] = {}
        self._fast = 0
        self._slow = 0

    @property
    def in_flight(self) -> int:
        """How many deliveries are under way."""
        with self._lock:
            return self._fast + self._slow

    @property
    def free(self) -> int:
        """How many more may start on the fast budget."""
        with self._lock:
            return max(0, self._fast_budget - self._fast)

    def with_room(self, subscription_ids: Iterable[int]) -> list[int]:
        """Return those whose own share and cap allow more, the one that may most first."""
        with self._lock:
            rooms = {one: self._room(one) for one in subscription_ids}
        return sorted((one for one in rooms if rooms[one] > 0), key=rooms.__getitem__, reverse=True)

    def plan(self, rates: Mapping[int, float] = NO_RATES, *, at_most: int = NO_LIMIT) -> Plan:
        """Return a plan, on top of what is under way now, that grants `at_most` so many.

        `rates` are the limits of the subscriptions that have one, in deliveries a second.
        """
        now = self._clock()
        with self._lock:
            self._buckets = {
                one: self._buckets.get(one) or _Bucket(tokens=max(1.0, rate), at=now)
                for one, rate in rates.items()
            }
            return Plan(
                free=max(0, min(at_most, self._fast_budget - self._fast)),
                room_of=self,
                tokens={one: self._buckets[one].filled(rate, now) for one, rate in rates.items()},
                rates=rates,
                now=now,
            )

    def take(self, plan: Plan) -> None:
        """Count what the plan granted as under way."""
        with self._lock:
            for subscription_id, count in plan.granted.items():
                self._of(subscription_id).fast += count
                self._fast += count
                if subscription_id in plan.tokens:
                    left = plan.tokens[subscription_id] - count
                    self._buckets[subscription_id] = _Bucket(tokens=left, at=plan.now)

    def slow_down(self, subscription_ids: Iterable[int]) -> int:
        """Move one delivery each to the slow budget, as far as it goes; return how many."""
        moved = 0
        with self._lock:
            for subscription_id in subscription_ids:
                if self._slow >= self._slow_budget:
                    break
                usage = self._of(subscription_id)
                usage.fast -= 1
                usage.slow += 1
                self._fast -= 1
                self._slow += 1
                moved += 1
        return moved

    def release(
        self, subscription_id: int, *, slow: bool, delivered: bool, timed_out: bool
    ) -> None:
        """A delivery is over. A time-out halves its subscription's cap, a success adds one."""
        with self._lock:
            usage = self._of(subscription_id)
            if slow:
                usage.slow -= 1
                self._slow -= 1
            else:
                usage.fast -= 1
                self._fast -= 1
            if timed_out:
                usage.cap = max(1, usage.cap // 2)
            elif delivered and usage.cap < self._highest_cap:
                usage.cap += 1
            if not usage.fast and not usage.slow:
                del self._usage[subscription_id]
                self._idle_caps[subscription_id] = usage.cap
                if len(self._idle_caps) > _REMEMBERED:
                    del self._idle_caps[next(iter(self._idle_caps))]

    def _of(self, subscription_id: int) -> _Usage:
        usage = self._usage.get(subscription_id)
        if usage is None:
            cap = self._idle_caps.pop(subscription_id, self._first_cap)
            usage = self._usage[subscription_id] = _Usage(cap=cap)
        return usage

    def room(self, subscription_id: int) -> int:
        """Return how many more deliveries of a subscription its share and its cap allow."""
        with self._lock:
            return self._room(subscription_id)

    def _room(self, subscription_id: int) -> int:
        usage = self._usage.get(subscription_id)
        if usage is None:
            return min(self._fast_budget, self._idle_caps.get(subscription_id, self._first_cap))
        share = self._fast_budget
        if usage.slow:
            share = max(1, self._fast_budget // _FAST_SHARE)
        return max(0, min(share - usage.fast, usage.cap - usage.fast - usage.slow))


class UnlimitedPermits:
    """Permits for a caller who makes every attempt himself, one after the other: no limit."""

    def plan(self, rates: Mapping[int, float] = NO_RATES, *, at_most: int = NO_LIMIT) -> Plan:
        """Return a plan that grants `at_most` so many; `rates` do not count."""
        return Plan(free=at_most, room_of=self, tokens={}, rates={}, now=0.0)

    def room(self, subscription_id: int) -> int:
        """Return how many deliveries of a subscription may start: as many as there are."""
        return NO_LIMIT


class Plan:
    """Permits that a transaction is about to use. Dropped with it if it fails.

    `free` is how many may start in all; `room_of` tells how many of one subscription.
    """

    def __init__(
        self,
        *,
        free: int,
        room_of: Permits | UnlimitedPermits,
        tokens: Mapping[int, float],
        rates: Mapping[int, float],
        now: float,
    ) -> None:
        self.free = free
        self.granted: defaultdict[int, int] = defaultdict(int)
        self.tokens = tokens
        self.now = now
        self.next_token: float | None = None
        """Seconds until a subscription that was refused for its rate has a token again."""
        self._rates = rates
        self._room_of = room_of
        self._rooms: dict[int, int] = {}

    def close(self) -> None:
        """Grant nothing more: what else is due waits."""
        self.free = 0

    def room(self, subscription_id: int) -> int:
        """Return how many more deliveries of this subscription could start."""
        return min(self.free, self._own_room(subscription_id))

    def ask(self, subscription_id: int) -> Verdict:
        """Say whether one more delivery may start, and count it if so."""
        if self._own_room(subscription_id) <= 0:
            return Verdict.PARK
        if self.free <= 0:
            return Verdict.FULL
        self.free -= 1
        self.granted[subscription_id] += 1
        return Verdict.GRANTED

    def _own_room(self, subscription_id: int) -> int:
        granted = self.granted.get(subscription_id, 0)
        room = self._rooms.get(subscription_id)
        if room is None:
            # Looked up once: what ends meanwhile only makes it larger.
            room = self._rooms[subscription_id] = self._room_of.room(subscription_id)
        room -= granted
        if subscription_id not in self.tokens:
            return room
        left = self.tokens[subscription_id] - granted
        if left < 1.0:
            wait = (1.0 - left) / self._rates[subscription_id]
            self.next_token = wait if self.next_token is None else min(self.next_token, wait)
        return min(room, int(left))

"""Who may start: the budget of a process and the share of each subscription in it.

Every delivery starts on the fast budget; after `SLOW_AFTER` seconds it moves to the slow one,
four times as large, so that slow recipients do not keep fast ones waiting. A subscription with
deliveries on the slow budget gets a quarter of the fast one at most. Its cap, how many of its
deliveries may be under way at all, starts low, grows by one with each success, and is halved by
each time-out: the slow start of TCP (RFC 5681), so that a recipient that hangs from the first
request on holds few permits, and one that answers doubles its cap with every round trip.
A subscription with a rate limit spends a token per delivery. Tokens come from the ledger, for all
workers together; what of them is not used within a second is lost.

A recipient that fails time after time is probed: one delivery at a time, with pauses between that
grow. What else there is for it waits, parked, and spends no retries. Its first success ends that,
and from there its cap grows as that of a new one.
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
PROBE_AFTER: Final = 10
"""Failures in a row, by default, after which a recipient is probed."""
_PROBED_FROM: Final = 5.0
"""Seconds of nothing but failures that there must have been, too."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 10.0
"""Seconds between two probes."""
_USABLE_FOR: Final = 1.0
"""Seconds that a token may be used."""
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
    failures: int = 0
    failing_since: float = 0.0
    pause: float = 0.0
    paused_until: float = 0.0
    """By the clock; 0 while the recipient is not probed."""


@define
class _Tokens:
    """Tokens of a subscription with a rate limit, and how long they may be used.

    None are asked for before `asks_at`: then there will be one.
    """

    count: int = 0
    until: float = 0.0
    asks_at: float = 0.0

    def usable(self, now: float) -> int:
        return self.count if now < self.until else 0


class Permits:
    """Counts what is under way in this process. Thread-safe. `clock` returns seconds.

    Only one thread takes (through `plan`), so a plan can be made before a transaction and
    taken after its commit. Recipients are probed after `probe_after` failures in a row; 0: never.
    """

    def __init__(
        self,
        *,
        budget: int,
        per_subscription: int,
        probe_after: int = PROBE_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._tokens: dict[int, _Tokens] = {}
        self._fast_budget = budget
        self._slow_budget = _SLOW_FACTOR * budget
        self._highest_cap = per_subscription
        self._first_cap = min(_FIRST_CAP, per_subscription)
        self._usage: dict[int, _Usage] = {}
        self._probe_after = probe_after
        self._idle: dict[int, _Usage] = {}
        """What is remembered of subscriptions that have nothing under way."""
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
        now = self._clock()
        with self._lock:
            rooms = {one: self._room(one) for one in subscription_ids if self._may_ask(one, now)}
        return sorted((one for one in rooms if rooms[one] > 0), key=rooms.__getitem__, reverse=True)

    def plan(self, rates: Mapping[int, float] = NO_RATES, *, at_most: int = NO_LIMIT) -> Plan:
        """Return a plan, on top of what is under way now, that grants `at_most` so many.

        `rates` are the limits of the subscriptions that have one, in deliveries a second.
        """
        now = self._clock() if rates else 0.0
        with self._lock:
            if len(self._tokens) != len(rates) or self._tokens.keys() != rates.keys():
                self._tokens = {one: self._tokens.get(one) or _Tokens() for one in rates}
            return Plan(
                free=max(0, min(at_most, self._fast_budget - self._fast)),
                room_of=self,
                tokens={one: tokens.usable(now) for one, tokens in self._tokens.items()},
                rates=rates,
            )

    def grant(self, tokens: Mapping[int, int], waits: Mapping[int, float]) -> None:
        """Add tokens that were taken for subscriptions; `waits`: seconds until there are more."""
        now = self._clock()
        with self._lock:
            for one, count in tokens.items():
                kept = self._tokens.get(one)
                if kept is not None:
                    kept.count = kept.usable(now) + count
                    kept.until = now + _USABLE_FOR
                    kept.asks_at = now + waits[one]

    def _may_ask(self, subscription_id: int, now: float) -> bool:
        """Tell whether its rate, if it has one, may allow a delivery now."""
        tokens = self._tokens.get(subscription_id)
        return tokens is None or tokens.usable(now) > 0 or now >= tokens.asks_at

    def asks(self, subscription_ids: Iterable[int]) -> list[int]:
        """Return those of the subscriptions for which tokens are to be asked now."""
        now = self._clock()
        with self._lock:
            return [one for one in subscription_ids if self._may_ask(one, now)]

    def take(self, plan: Plan) -> None:
        """Count what the plan granted as under way."""
        with self._lock:
            for subscription_id, count in plan.granted.items():
                self._of(subscription_id).fast += count
                self._fast += count
                tokens = self._tokens.get(subscription_id)
                if tokens is not None:
                    tokens.count = max(0, tokens.count - count)

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
        self,
        subscription_id: int,
        *,
        slow: bool,
        delivered: bool = False,
        failed: bool = False,
        timed_out: bool = False,
    ) -> None:
        """A delivery is over. A time-out halves its subscription's cap, a success adds one.

        `failed`: it may succeed later. Neither: that says nothing of how the recipient fares.
        """
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
            if delivered:
                usage.failures, usage.pause, usage.paused_until = 0, 0.0, 0.0
            elif failed:
                self._note_failure(usage)
            if not usage.fast and not usage.slow:
                del self._usage[subscription_id]
                self._idle[subscription_id] = usage
                if len(self._idle) > _REMEMBERED:
                    del self._idle[next(iter(self._idle))]

    def _note_failure(self, usage: _Usage) -> None:
        now = self._clock()
        if not usage.failures:
            usage.failing_since = now
        usage.failures += 1
        if not self._probe_after or usage.failures < self._probe_after:
            return
        if now - usage.failing_since < _PROBED_FROM:
            # Many at once may be one short fault, or a recipient that needs a second attempt.
            return
        # What was under way when the pause began says nothing new.
        if now >= usage.paused_until:
            usage.cap = 1
            usage.pause = min(_LONGEST_PAUSE, usage.pause * 2 or _FIRST_PAUSE)
            usage.paused_until = now + usage.pause

    def _of(self, subscription_id: int) -> _Usage:
        usage = self._usage.get(subscription_id)
        if usage is None:
            usage = self._idle.pop(subscription_id, None) or _Usage(cap=self._first_cap)
            self._usage[subscription_id] = usage
        return usage

    def room(self, subscription_id: int) -> int:
        """Return how many more deliveries of a subscription its share and its cap allow."""
        with self._lock:
            return self._room(subscription_id)

    def _room(self, subscription_id: int) -> int:
        usage = self._usage.get(subscription_id) or self._idle.get(subscription_id)
        if usage is None:
            return min(self._fast_budget, self._first_cap)
        if usage.paused_until and self._clock() < usage.paused_until:
            return 0
        share = self._fast_budget
        if usage.slow:
            share = max(1, self._fast_budget // _FAST_SHARE)
        return max(0, min(share - usage.fast, usage.cap - usage.fast - usage.slow))


class UnlimitedPermits:
    """Permits for a caller who makes every attempt himself, one after the other: no limit."""

    def plan(self, rates: Mapping[int, float] = NO_RATES, *, at_most: int = NO_LIMIT) -> Plan:
        """Return a plan that grants `at_most` so many; `rates` do not count."""
        return Plan(free=at_most, room_of=self, tokens={}, rates={})

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
        tokens: Mapping[int, int],
        rates: Mapping[int, float],
    ) -> None:
        self.free = free
        self.granted: defaultdict[int, int] = defaultdict(int)
        self.rates = rates
        self.starved: defaultdict[int, int] = defaultdict(int)
        """How often a subscription was refused for its rate alone."""
        self._tokens = tokens
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
        if subscription_id not in self._tokens:
            return room
        left = self._tokens[subscription_id] - granted
        if left < 1 and room > 0:
            self.starved[subscription_id] += 1
        return min(room, left)

"""Which services may be called: the room of a process, and the share of each service in it.

Blocking services share the process's threads, async ones as many calls on their loop as a thread
may have before it. One service gets three quarters of that at most, so that a slow one leaves
room for the others; `concurrency` of a definition says otherwise. A service whose last call was
quick may have several calls ahead of each of its threads. Of any other, an event is claimed only
when its call can begin: if the process dies, nothing else was on its way to that service.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, evolve

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.engine.delivering.permits import NO_LIMIT
from asyncevents_core.errors import UnknownEvent
from asyncevents_core.ports.resolver import Definitions

AHEAD: Final = 8
"""Calls that a thread may have before it, its own included, of a service that is quick."""
QUICK: Final = 0.05
"""Seconds within which a call of a quick service returns."""
_SHARE: Final = 0.75


@define
class _Usage:
    taken: int = 0
    is_async: bool = False
    quick: bool = False

    @property
    def ahead(self) -> int:
        return AHEAD if self.quick and not self.is_async else 1

    @property
    def used(self) -> int:
        """The threads, or calls on the loop, that what was taken keeps busy."""
        return math.ceil(self.taken / self.ahead)


class Calls:
    """Counts the calls that this process has taken, by service. Thread-safe.

    Only one thread takes (through `plan`), so a plan can be made before a transaction and taken
    after its commit.
    """

    def __init__(self, *, threads: int) -> None:
        self._lock = threading.Lock()
        self._threads = threads
        self._usage: defaultdict[str, _Usage] = defaultdict(_Usage)

    def limit(self, definition: EventDefinition) -> int:
        """Return how many calls of a service may be under way at the same time."""
        with self._lock:
            return self._limit(definition)

    def room(self, definition: EventDefinition) -> int:
        """Return how many more calls of a service may be taken."""
        with self._lock:
            return self._room(definition, {})

    def with_room(self, names: Iterable[str], definitions: Definitions) -> list[str]:
        """Return those of the names of events whose service may be called."""
        plan = self.plan()
        return [name for name in names if plan.room(name, definitions) > 0]

    def plan(self, *, closed: bool = False) -> CallPlan:
        """Return a plan on top of what is under way now; one that is `closed` grants nothing."""
        return CallPlan(self, closed=closed)

    def planned_room(self, definition: EventDefinition, granted: Mapping[str, int]) -> int:
        """Return how many more may be taken, with so many granted to services besides."""
        with self._lock:
            return self._room(definition, granted)

    def take(self, plan: CallPlan) -> None:
        """Count what the plan granted as under way."""
        with self._lock:
            for service, count in plan.granted.items():
                self._usage[service].taken += count

    def is_async(self, service: str) -> None:
        """Note that a service runs on the loop."""
        with self._lock:
            self._usage[service].is_async = True

    def release(self, service: str, *, seconds: float | None) -> None:
        """A call is over, after so many seconds; None if it was not made."""
        with self._lock:
            usage = self._usage[service]
            usage.taken -= 1
            if seconds is not None:
                usage.quick = seconds < QUICK

    def _size(self, *, is_async: bool) -> int:
        return AHEAD * self._threads if is_async else self._threads

    def _limit(self, definition: EventDefinition) -> int:
        usage = self._usage.get(definition.service or "", _Usage())
        size = self._size(is_async=usage.is_async)
        return min(size, definition.concurrency or math.ceil(_SHARE * size))

    def _room(self, definition: EventDefinition, granted: Mapping[str, int]) -> int:
        service = definition.service or ""
        mine = self._with(service, granted)
        others = sum(
            usage.used
            for usage in (self._with(one, granted) for one in {*self._usage, *granted} - {service})
            if usage.is_async == mine.is_async
        )
        free = max(0, self._size(is_async=mine.is_async) - others)
        return min(self._limit(definition), free) * mine.ahead - mine.taken

    def _with(self, service: str, granted: Mapping[str, int]) -> _Usage:
        usage = self._usage.get(service, _Usage())
        return evolve(usage, taken=usage.taken + granted.get(service, 0))


class UnlimitedCalls:
    """For a caller who makes every call himself, one after the other: no limit."""

    def plan(self, *, closed: bool = False) -> CallPlan:
        """Return a plan that grants everything, or nothing if it is `closed`."""
        return CallPlan(self, closed=closed)

    def planned_room(self, definition: EventDefinition, granted: Mapping[str, int]) -> int:
        """Return how many calls may be taken: as many as there are."""
        return NO_LIMIT


class CallPlan:
    """Calls that a transaction is about to take. Dropped with it if it fails."""

    def __init__(self, calls: Calls | UnlimitedCalls, *, closed: bool) -> None:
        self._calls = calls
        self._closed = closed
        self.granted: defaultdict[str, int] = defaultdict(int)

    def close(self) -> None:
        """Grant nothing more: what else is found is parked."""
        self._closed = True

    def room(self, name: str, definitions: Definitions) -> int:
        """Return how many events of a name may be claimed. Those without a service: any number."""
        if self._closed:
            return 0
        try:
            definition = definitions.get(name)
        except UnknownEvent:
            return NO_LIMIT
        if definition.service is None:
            return NO_LIMIT
        return self._calls.planned_room(definition, self.granted)

    def ask(self, definition: EventDefinition | None) -> bool:
        """Say whether one more call may begin, and count it if so.

        None is an event whose data is there, and which only takes several transactions.
        """
        if self._closed:
            return False
        if definition is None or definition.service is None:
            return True
        if self._calls.planned_room(definition, self.granted) <= 0:
            return False
        self.granted[definition.service] += 1
        return True

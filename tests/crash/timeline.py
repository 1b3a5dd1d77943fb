"""How long healthy workers stood still, and during which fault.

A **stop** is a time in which nothing arrived at the healthy recipient although it should have: a
worker was neither killed, frozen nor cut off, and the ledger could be written. Events are published
all the time, so something is always due. While a fault leaves nobody to deliver (a database that is
away), its time does not count; what follows its end does, until the first arrival. Time without a
broker counts: deliveries go on without it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from attrs import define, field, frozen


@frozen(kw_only=True)
class Happening:
    """One fault that was injected. Times are seconds since 1970."""

    name: str
    family: str
    spares: bool
    begun: float
    ended: float
    """When it was healed."""


@frozen(kw_only=True)
class Stop:
    """A stop: `name` is of the fault that began last before it, "" before the first."""

    name: str
    begun: float
    seconds: float


@define(slots=False)
class Timeline:
    """What happened when, from `begun` until `ended`."""

    begun: float
    ended: float
    happenings: list[Happening] = field(factory=list)

    def stops(self, arrivals: Sequence[float]) -> list[Stop]:
        """Return all stops; `arrivals` are the times at which something arrived."""
        return list(self._stops(sorted(arrivals)))

    def longest(self, arrivals: Sequence[float]) -> dict[str, Stop]:
        """Return the longest stop of each kind of fault."""
        found: dict[str, Stop] = {}
        for stop in self.stops(arrivals):
            if stop.name not in found or found[stop.name].seconds < stop.seconds:
                found[stop.name] = stop
        return found

    def _stops(self, arrivals: Sequence[float]) -> Iterator[Stop]:
        for begun, ended in self._available():
            inside = arrivals[bisect_left(arrivals, begun) : bisect_right(arrivals, ended)]
            points = [begun, *inside, ended]
            for earlier, later in pairwise(points):
                yield Stop(name=self._last(earlier), begun=earlier, seconds=later - earlier)

    def _available(self) -> Iterator[tuple[float, float]]:
        begun = self.begun
        for one in self.happenings:
            if not one.spares:
                yield begun, one.begun
                begun = one.ended
        yield begun, self.ended

    def _last(self, at: float) -> str:
        before = [one.name for one in self.happenings if one.begun <= at]
        return before[-1] if before else ""

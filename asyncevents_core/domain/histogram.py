"""Attempts by time: in parts of equal width, told apart by whether they delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen


@frozen(kw_only=True)
class Bar:
    """Attempts between two times, microseconds; the second is not part of it."""

    since: int
    until: int
    delivered: int
    failed: int


@frozen(kw_only=True)
class Histogram:
    """Attempts by time, oldest first, in bars of equal width.

    What began before `counted_since` is not counted; where that is the beginning of the first bar,
    everything is.
    """

    bars: tuple[Bar, ...]
    counted_since: int

    @property
    def complete(self) -> bool:
        """Whether everything is counted."""
        return not self.bars or self.counted_since <= self.bars[0].since

    @property
    def attempts(self) -> int:
        """How many attempts there are in all bars."""
        return sum(one.delivered + one.failed for one in self.bars)


@frozen(kw_only=True)
class Buckets:
    """Times from `since` to before `until` in parts of one `width`; all are microseconds.

    The last part may reach beyond `until`. Raises `ValueError` where there is nothing to divide.
    """

    since: int
    until: int
    width: int

    def __attrs_post_init__(self) -> None:
        if self.until <= self.since or self.width < 1:
            raise ValueError("buckets need a time that ends after it begins, and parts of a width")

    def ranges(self) -> Sequence[tuple[int, int]]:
        """Return when each part begins, and before when it ends."""
        return [(at, at + self.width) for at in range(self.since, self.until, self.width)]

    def bars(self, delivered: Mapping[int, int], failed: Mapping[int, int]) -> tuple[Bar, ...]:
        """Return bars for counts by the times at which parts begin."""
        return tuple(
            Bar(
                since=since,
                until=until,
                delivered=delivered.get(since, 0),
                failed=failed.get(since, 0),
            )
            for since, until in self.ranges()
        )

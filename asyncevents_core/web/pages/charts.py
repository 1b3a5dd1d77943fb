"""Charts as values: where their parts are, and what they say. `charts.html` draws them as SVG.

There is no style in them, which the pages' policy forbids, and no colour: parts have the class of
what they show, and the style sheet has a colour for each, in light and dark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from attrs import frozen

from asyncevents_core.domain.histogram import Histogram
from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.statistics import MINUTE, Minute
from asyncevents_core.domain.trace import Fate
from asyncevents_core.web.pages.filters import number, phrase

WIDTH: Final = 720.0
HEIGHT: Final = 160.0
"""Of the bars, which are stretched to the width of the page; numbers and times are beside them."""
_GAP: Final = 0.15
_LEAST: Final = 1.0
"""What is there is seen: the lowest part of a bar."""

FATES: Final = (Fate.DELIVERED, Fate.RETRYING, Fate.ABANDONED, Fate.DEAD_LETTERED)
DELIVERED_OR_NOT: Final = ("delivered", "failed")

Link = Callable[[int, int], str]
"""Returns the address of what is between two times, microseconds."""


@frozen(kw_only=True)
class Column:
    """What is counted between two times: a number for each kind; `href` leads to the rows.

    If it is not `exact`, there is more.
    """

    since: int
    until: int
    counts: Sequence[int]
    href: str
    exact: bool = True

    @property
    def total(self) -> int:
        """All kinds together."""
        return sum(self.counts)


@frozen(kw_only=True)
class Part:
    """A part of a bar: a rectangle."""

    kind: str
    y: float
    height: float


@frozen(kw_only=True)
class DrawnBar:
    """A bar, its parts from below to above, and the words that are shown where it is pointed at."""

    x: float
    width: float
    title: str
    href: str
    parts: Sequence[Part]


@frozen(kw_only=True)
class Level:
    """A number at the axis, and where its line is."""

    y: float
    text: str


@frozen(kw_only=True)
class Chart:
    """Stacked bars, one for each column, oldest first. `kinds` are from below to above.

    `linked`: bars are links; the rows of the table behind the chart are in any case.
    """

    title: str
    kinds: Sequence[str]
    columns: Sequence[Column]
    linked: bool = False

    @property
    def width(self) -> float:
        """Of all bars."""
        return WIDTH

    @property
    def height(self) -> float:
        """Of the highest bar that has room."""
        return HEIGHT

    @property
    def label(self) -> str:
        """What the chart says, for those who do not see it."""
        several = ", ".join(
            f"{number(sum(one.counts[place] for one in self.columns))} {_words(kind)}"
            for place, kind in enumerate(self.kinds)
        )
        return f"{self.title}: {several}"

    @property
    def shown(self) -> Sequence[Column]:
        """The columns with something in them, newest first: the table behind the chart."""
        return [one for one in reversed(self.columns) if one.total]

    @property
    def levels(self) -> Sequence[Level]:
        """The numbers at the left, from above, each as far from the next."""
        top = self._top
        return [
            Level(y=HEIGHT * (1 - part), text=number(int(top * part)))
            for part in ((1.0, 0.5, 0.0) if top % 2 == 0 else (1.0, 0.0))
        ]

    @property
    def times(self) -> Sequence[str]:
        """When the first column begins, and what is in the middle between that and the end."""
        if not self.columns:
            return []
        begin, end = self.columns[0].since, self.columns[-1].until
        return [_clock(begin), _clock((begin + end) // 2)]

    @property
    def bars(self) -> Iterator[DrawnBar]:
        """The bars that have something in them."""
        scale = HEIGHT / self._top
        for place, one in enumerate(self.columns):
            if one.total:
                yield DrawnBar(
                    x=round((place + _GAP / 2) * self._step, 2),
                    width=round(self._step * (1 - _GAP), 2),
                    title=self._title_of(one),
                    href=one.href,
                    parts=list(self._parts(one, scale)),
                )

    @property
    def _step(self) -> float:
        return WIDTH / max(1, len(self.columns))

    @property
    def _top(self) -> int:
        return round_up(max((one.total for one in self.columns), default=1))

    def _parts(self, column: Column, scale: float) -> Iterator[Part]:
        y = HEIGHT
        for kind, count in zip(self.kinds, column.counts, strict=True):
            if count:
                height = max(_LEAST, count * scale)
                y -= height
                yield Part(kind=kind, y=round(y, 2), height=round(height, 2))

    def _title_of(self, column: Column) -> str:
        several = ", ".join(
            f"{number(count)} {_words(kind)}"
            for kind, count in zip(self.kinds, column.counts, strict=True)
            if count
        )
        least = "" if column.exact else "at least "
        return f"{_clock(column.since)} to {_clock(column.until)} UTC: {least}{several}"


def of_minutes(title: str, minutes: Sequence[Minute], link: Link) -> Chart:
    """Return the chart of attempts by minute and fate."""
    columns = [
        Column(
            since=one.at,
            until=one.at + MINUTE,
            counts=[one.fates.get(fate, 0) for fate in FATES],
            href=link(one.at, one.at + MINUTE),
            exact=one.exact,
        )
        for one in minutes
    ]
    return Chart(title=title, kinds=FATES, columns=columns)


def of_histogram(title: str, histogram: Histogram, link: Link) -> Chart:
    """Return the chart of a log by time; its bars are links."""
    columns = [
        Column(
            since=one.since,
            until=one.until,
            counts=(one.delivered, one.failed),
            href=link(one.since, one.until),
            exact=one.since >= histogram.counted_since,
        )
        for one in histogram.bars
    ]
    return Chart(title=title, kinds=DELIVERED_OR_NOT, columns=columns, linked=True)


@frozen(kw_only=True)
class Run:
    """Attempts in a row with the same outcome, as a part of a small bar."""

    kind: str
    x: int
    width: int


@frozen(kw_only=True)
class HealthBar:
    """The latest outcomes of a subscription, oldest first, as one small bar of `room` places."""

    outcomes: Sequence[OutcomeKind]
    room: int = 100

    @property
    def label(self) -> str:
        """What the bar says, in words."""
        if not self.outcomes:
            return "no attempts lately"
        delivered = self.outcomes.count(OutcomeKind.DELIVERED)
        return f"{delivered} of the latest {len(self.outcomes)} attempts delivered"

    @property
    def runs(self) -> Iterator[Run]:
        """Attempts with the same outcome that follow each other; the newest is at the right."""
        x = self.room - len(self.outcomes)
        for kind, several in groupby(self.outcomes):
            width = len(list(several))
            yield Run(kind=kind, x=x, width=width)
            x += width


def round_up(count: int) -> int:
    """Return the next number that is easily read at an axis: 1, 2, 4, 5, 6, 8 or 10 of a power.

    >>> round_up(1), round_up(7), round_up(41), round_up(600), round_up(8_001)
    (1, 8, 50, 600, 10000)
    """
    power: int = 10 ** (len(str(max(1, count))) - 1)
    return next(step * power for step in (1, 2, 4, 5, 6, 8, 10) if step * power >= count)


def _words(kind: str) -> str:
    return phrase(kind).lower()


def _clock(at: int) -> str:
    return f"{to_datetime(at):%m-%d %H:%M}"

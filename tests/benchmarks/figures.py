"""What scenarios find: figures, bars and the data of charts. Values that JSON can keep."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


@frozen(kw_only=True)
class Figure:
    """Something measured: a value per round."""

    name: str
    unit: str
    values: tuple[float, ...] = field(converter=_floats)

    @property
    def median(self) -> float:
        """The middle one of the rounds."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


@frozen(kw_only=True)
class Bar:
    """What should be reached. `aim`: wished for, not required; `at_most`: less is better."""

    text: str
    value: float
    limit: float
    unit: str = "×"
    at_most: bool = False
    aim: bool = False

    @property
    def met(self) -> bool:
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@frozen(kw_only=True)
class Columns:
    """A chart of columns: by group and name, a value per round."""

    name: str
    title: str
    unit: str
    groups: Mapping[str, Mapping[str, tuple[float, ...]]]
    stacked: bool = False


@frozen(kw_only=True)
class Lines:
    """A chart of lines: by name, points (x, y)."""

    name: str
    title: str
    x: str
    y: str
    lines: Mapping[str, tuple[tuple[float, float], ...]]
    logarithmic: bool = False


@frozen(kw_only=True)
class Findings:
    """What one scenario found."""

    figures: Sequence[Figure] = ()
    bars: Sequence[Bar] = ()
    notes: Mapping[str, str] = field(factory=dict)
    columns: Sequence[Columns] = ()
    lines: Sequence[Lines] = ()


@frozen(kw_only=True)
class Result:
    """What became of one scenario: its findings, or the error that ended it."""

    name: str
    title: str
    measures: str
    at: str
    seconds: float
    findings: Findings | None = None
    error: str | None = None


@frozen(kw_only=True)
class Report:
    """A whole run."""

    machine: Mapping[str, str]
    versions: Mapping[str, str]
    options: Mapping[str, Any]
    results: Sequence[Result] = ()


def ratio(over: Figure, under: Figure) -> float:
    """Return the ratio of the medians."""
    return over.median / under.median if under.median else float("inf")


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cumulative(values: Iterable[float], *, points: int = 200) -> tuple[tuple[float, float], ...]:
    """Return points (value, share of the values below it) of a distribution."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return tuple(
        (ordered[round(number / points * last)], number / points) for number in range(points + 1)
    )

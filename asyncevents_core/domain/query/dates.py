"""Dates in queries: what a date of some precision covers, and date math.

The rules are those of Elasticsearch's date fields, in UTC unless a zone is given.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from attrs import frozen

from asyncevents_core.domain.instant import to_datetime

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
_DATE: Final = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?"
)
_MATH: Final = re.compile(r"(?P<anchor>now|.+?\|\|)(?P<steps>.*)", re.DOTALL)
_STEP: Final = re.compile(
    r"(?P<sign>[+-])(?P<count>[0-9]{1,6})(?P<unit>[yMwdhHms])|/(?P<to>[yMwdhHms])"
)


@frozen
class Span:
    """The instants from `start` to before `end`, microseconds since the epoch."""

    start: int
    end: int


def instant(moment: datetime) -> int:
    """Return microseconds since the epoch."""
    return (moment - _EPOCH) // _MICRO


def written(when: int) -> str:
    """Write an instant so that it reads as itself: to the microsecond, in UTC."""
    return to_datetime(when).isoformat(timespec="microseconds").replace("+00:00", "Z")


def span(text: str) -> Span | None:
    """Return what a date covers, by its precision; None if it is not a date.

    >>> day = span("2026-11-23"); (day.end - day.start) // 3_600_000_000
    24
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        start = _start(found)
        return Span(start=instant(start), end=_end(start, found))
    except (ValueError, OverflowError):
        return None


def is_math(text: str) -> bool:
    """Tell whether a text is date math: ``now``, ``now-1d/d``, ``2026-11-23||+1M``."""
    return text == "now" or text.startswith(("now+", "now-", "now/")) or "||" in text


def math(text: str, *, now: int) -> Span:
    """Return what date math covers: one microsecond, or a unit of time if it ends by rounding.

    Raises `ValueError` that says what is wrong.
    """
    found = _MATH.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not date math; it is written as now-1d or 2026-11-23||+1M/d")
    moment, rounded = _anchor(found["anchor"], now), None
    position, steps = 0, found["steps"]
    while position < len(steps):
        step = _STEP.match(steps, position)
        if step is None:
            raise ValueError(
                f"{steps[position:]!r} is not a step of date math; one is +1d, -2h or /M"
            )
        position = step.end()
        try:
            moment, rounded = _step(moment, step)
        except (ValueError, OverflowError):
            raise ValueError(f"{text!r} lies outside of the years 1 to 9999") from None
    start = instant(moment)
    return Span(start=start, end=start + 1 if rounded is None else instant(rounded))


def _anchor(text: str, now: int) -> datetime:
    if text == "now":
        return to_datetime(now)
    found = span(text.removesuffix("||"))
    if found is None:
        raise ValueError(f"{text.removesuffix('||')!r} is not a date")
    return to_datetime(found.start)


def _step(moment: datetime, step: re.Match[str]) -> tuple[datetime, datetime | None]:
    if step["to"]:
        start = _FLOOR[step["to"]](moment)
        return start, _plus(start, 1, step["to"])
    count = int(step["count"])
    return _plus(moment, -count if step["sign"] == "-" else count, step["unit"]), None


def _floor_day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


_FLOOR: Final[Mapping[str, Callable[[datetime], datetime]]] = MappingProxyType(
    {
        "y": lambda one: _floor_day(one).replace(month=1, day=1),
        "M": lambda one: _floor_day(one).replace(day=1),
        "w": lambda one: _floor_day(one) - timedelta(days=one.weekday()),
        "d": _floor_day,
        "h": lambda one: one.replace(minute=0, second=0, microsecond=0),
        "H": lambda one: one.replace(minute=0, second=0, microsecond=0),
        "m": lambda one: one.replace(second=0, microsecond=0),
        "s": lambda one: one.replace(microsecond=0),
    }
)
_UNITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "w": timedelta(weeks=1),
        "d": timedelta(days=1),
        "h": timedelta(hours=1),
        "H": timedelta(hours=1),
        "m": timedelta(minutes=1),
        "s": timedelta(seconds=1),
    }
)
_PARTS: Final = (("second", "s"), ("minute", "m"), ("hour", "h"), ("day", "d"), ("month", "M"))


def _plus(moment: datetime, count: int, unit: str) -> datetime:
    if unit in _UNITS:
        return moment + count * _UNITS[unit]
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    # The last day of a shorter month, as calendars do: one month after 31 January.
    last = calendar.monthrange(year, month + 1)[1] if 1 <= year <= 9999 else 0
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _start(found: re.Match[str]) -> datetime:
    return datetime(
        int(found["year"]),
        int(found["month"] or 1),
        int(found["day"] or 1),
        int(found["hour"] or 0),
        int(found["minute"] or 0),
        int(found["second"] or 0),
        int((found["fraction"] or "").ljust(6, "0")[:6]),
        tzinfo=_zone(found["zone"]),
    )


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _end(start: datetime, found: re.Match[str]) -> int:
    if found["fraction"]:
        digits = len(found["fraction"])
        return instant(start) + int(10 ** max(0, 6 - digits))
    unit = next((unit for part, unit in _PARTS if found[part]), "y")
    try:
        return instant(_plus(start, 1, unit))
    except (ValueError, OverflowError):
        # The end of the calendar.
        return instant(datetime.max.replace(tzinfo=UTC)) + 1

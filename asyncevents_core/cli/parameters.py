"""What parameters take: ids, times, networks, lists and numbers, all within what can be kept."""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Any, Final

import click

from asyncevents_core.domain.filtering.stored import from_text
from asyncevents_core.domain.limits import (
    LARGEST_ID,
    LONGEST_DAYS,
    overlap_mistake,
    schedule_mistake,
)
from asyncevents_core.errors import InvalidFilter

DAYS: Final = LONGEST_DAYS


def row_id(text: Any) -> int:
    """Convert the id of a row."""
    found = int(click.INT.convert(text, None, None))
    if abs(found) > LARGEST_ID:
        raise click.BadParameter(f"{text} is no id")
    return found


def network(text: Any) -> str:
    """Check an address, or a network such as 10.0.0.0/8."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no address and no network") from None
    return str(text)


def instant(text: Any) -> int:
    """Convert a time in the shell's zone to microseconds since 1970."""
    at = click.DateTime().convert(text, None, None)
    try:
        return round(at.astimezone().timestamp() * 1_000_000)
    except (ValueError, OverflowError, OSError) as error:
        raise click.BadParameter(f"{text}: {error}") from error


def delays(text: Any) -> tuple[float, ...]:
    """Convert seconds with commas between them."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error
    if mistake := schedule_mistake(found):
        raise click.BadParameter(f"it {mistake}")
    return found


def event_filter(text: Any) -> object:
    """Convert a filter: as in the search, or JSON."""
    if text is None:
        return None
    try:
        return from_text(str(text))
    except InvalidFilter as error:
        raise click.BadParameter(str(error)) from error


_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)")
FOREVER: Final = "forever"


def overlap(text: Any) -> float | None:
    """Convert a time such as 90s, 15m, 24h, 7d to seconds, and `forever` to None."""
    return None if text is None or text == FOREVER else _seconds(text, f", or {FOREVER}")


def seconds(text: Any) -> float:
    """Convert a time such as 90s, 15m, 24h, 7d to seconds."""
    return _seconds(text, "")


def _seconds(text: Any, more: str) -> float:
    found = _DURATION.fullmatch(str(text).strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no time: write 90s, 15m, 24h, 7d{more}")
    converted = float(found[1]) * _UNITS[found[2]]
    if mistake := overlap_mistake(converted):
        raise click.BadParameter(f"it {mistake}")
    return converted


class Number(click.FloatRange):
    """A finite number: neither nan nor inf."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value} is no finite number", param, ctx)
        return found

"""The attempts of a delivery on a line, with the time between them to scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.trace import Trace

WIDTH: Final = 1_000
"""Units from the first attempt to the end of the last one."""
_NARROWEST: Final = 8.0


@frozen(kw_only=True)
class Mark:
    """An attempt on the line: from `x` on, `width` wide, in units."""

    attempt: int
    fate: str
    x: float
    width: float


@frozen(kw_only=True)
class Timeline:
    """All attempts of a delivery. `seconds` passed from the first one's start to the last's end."""

    marks: Sequence[Mark]
    seconds: float
    width: int = WIDTH


def timeline_of(trace: Trace) -> Timeline | None:
    """Return the timeline of a delivery; None where there is nothing between attempts to see."""
    attempts = trace.attempts
    if len(attempts) < 2:
        return None
    begin = attempts[0].started_at
    end = max(one.started_at + micros(one.duration) for one in attempts)
    scale = (WIDTH - _NARROWEST) / max(1, end - begin)
    return Timeline(
        marks=[
            Mark(
                attempt=one.claim_no,
                fate=trace.fate(one).value,
                x=round((one.started_at - begin) * scale, 1),
                width=round(max(_NARROWEST, micros(one.duration) * scale), 1),
            )
            for one in attempts
        ],
        seconds=(end - begin) / micros(1),
    )

"""What templates write values with: numbers, times, durations."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.instant import to_datetime

_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""What is not seen, and may change how the text around it looks: controls, bidi, surrogates."""
_CHANGED: Final = "subscription.change"
_LONGEST: Final = 300


def environment() -> Environment:
    """Return what templates are made with. Everything is escaped; what is missing is an error.

    What nobody would see is written as `visible` does.
    """
    made = Environment(
        loader=PackageLoader("asyncevents_core.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=number,
        percent=percent,
        duration=duration,
        iso=iso,
        utc=utc,
        phrase=phrase,
        sentence=sentence,
        kept=kept,
        change=change,
    )
    return made


def visible(value: object) -> str:
    r"""Return a value as text, with controls and bidi marks as JSON escapes them.

    So a target cannot look like another one, and JSON stays the same JSON.

    >>> visible("https://a.example/\u202egnp")
    'https://a.example/\\u202egnp'
    """
    # What is marked up was made of values that went through here.
    if isinstance(value, Markup):
        return value
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))


def kept(value: object) -> Markup:
    """Return the value of a form's field, which is sent back as it was: only escaped."""
    return escape(value)


def number(value: float) -> str:
    """Write a number with thin spaces between its thousands: 12 345."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(part: float) -> str:
    """Write a part of 1 in percent. What is not all is never written as 100 %."""
    shown = f"{part * 100:.1f}"
    if shown == "100.0":
        shown = "100" if part == 1 else "99.9"
    return f"{shown.removesuffix('.0')} %"


def duration(seconds: float) -> str:
    """Write how long something took: 83 ms, 2.4 s, 3 min 20 s, 2 h 5 min, 4 d 3 h."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, below, part in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {name}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"


def iso(at: int | datetime) -> str:
    """Write a time, or microseconds since the epoch, for the attribute of a ``<time>``."""
    return _datetime(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(at: int | datetime) -> str:
    """Write a time for people; the browser puts it into their own zone."""
    return f"{_datetime(at):%Y-%m-%d %H:%M:%S} UTC"


def phrase(word: str) -> str:
    """Write a value such as ``dead_lettered`` as words: Dead lettered."""
    return str(word).replace("_", " ").capitalize()


def sentence(text: str) -> str:
    """Write a text that begins in lower case, such as an error, as a sentence."""
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]


def change(entry: AuditEntry) -> Sequence[str]:
    """Write what was done to a subscription in lines, without the word "subscription".

    >>> from uuid import UUID
    >>> change(AuditEntry(id=UUID(int=0), who="me", action="subscription.change", subject="7",
    ...                   details={"target": ["https://a", "https://b"], "options": "changed"}))
    ['Target: https://a → https://b', 'Options: changed']
    """
    if entry.action != _CHANGED:
        return [phrase(entry.action.partition(".")[2])]
    return [f"{phrase(name)}: {_shown_change(value)}" for name, value in entry.details.items()]


def _shown_change(value: object) -> str:
    if isinstance(value, list) and len(value) == 2:
        return " → ".join(_shown(one) for one in value)
    return _shown(value)


def _shown(value: object) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _datetime(at: int | datetime) -> datetime:
    return at if isinstance(at, datetime) else to_datetime(at)

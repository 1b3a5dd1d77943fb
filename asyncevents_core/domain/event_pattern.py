"""Which events a subscription wants: names, patterns of names, and exceptions.

The levels of a name are separated by dots. In a pattern ``*`` stands for any characters of one
level, and ``**`` for any number of levels, none included. ``!`` makes an exception, which holds
wherever it stands: ``sales.order.*, *.created, !sales.order.deleted``. What asyncevents tells of
itself (``asyncevents.…``) is meant only by patterns that begin with that level.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from attrs import field, frozen

from asyncevents_core.domain.event import OPERATIONAL
from asyncevents_core.domain.limits import LONGEST_PATTERN
from asyncevents_core.errors import InvalidValue, UnknownEvent
from asyncevents_core.showing import shown

EXCEPT: Final = "!"
_SEPARATOR: Final = ","
_ANY: Final = "*"
_LEVELS: Final = "**"
_DOT: Final = "."
_PART: Final = re.compile(r"[A-Za-z0-9._*-]+")
_MOST_PARTS: Final = 100
_LONGEST_PART: Final = 255
_KEPT: Final = 4096


@frozen
class EventPattern:
    """Names and patterns, read by `read_pattern`. Immutable; equal where the text is.

    `text` is how it is written, always in the same way. `wanted` and `exceptions` are its parts,
    without the exclamation marks.
    """

    text: str
    wanted: tuple[str, ...] = field(eq=False)
    exceptions: tuple[str, ...] = field(default=(), eq=False)

    @property
    def name(self) -> str | None:
        """The only event that is wanted; None where it is a pattern or a list."""
        alone = len(self.wanted) == 1 and not self.exceptions and _ANY not in self.wanted[0]
        return self.wanted[0] if alone else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that stand in it as they are, exceptions left out."""
        return tuple(one for one in self.wanted if _ANY not in one)

    def matches(self, name: str) -> bool:
        """Tell whether events of this name are wanted."""
        return _any_matches(self.wanted, name) and not _any_matches(self.exceptions, name)

    def among(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that are wanted, in their order."""
        return [one for one in names if self.matches(one)]


@functools.lru_cache(_KEPT)
def read_pattern(text: str) -> EventPattern:
    """Read what a subscription calls its event. Thread-safe.

    Raises `InvalidValue` for what is no name, no pattern and no list of these.
    """
    if mistake := pattern_mistake(text):
        raise InvalidValue(f"event_name {mistake}", field="event_name")
    return _parsed(text)


def require_matched(pattern: EventPattern, known: Sequence[str]) -> None:
    """Raise `UnknownEvent` for a part of a pattern that none of the known names matches."""
    for one in pattern.wanted:
        if _ANY in one and not any(_matches(one, name) for name in known):
            raise UnknownEvent(one, known=known)


def pattern_mistake(value: object) -> str | None:
    """Say what is wrong with a value that should be read by `read_pattern`; None for nothing."""
    if not isinstance(value, str):
        return f"must be a text, not {type(value).__name__}"
    if not value.strip():
        return "must not be empty: name an event, or ** for all of them"
    if len(value) > LONGEST_PATTERN:
        return f"must have at most {LONGEST_PATTERN} characters, not {len(value)}"
    parts = [one.strip() for one in value.split(_SEPARATOR)]
    if len(parts) > _MOST_PARTS:
        return f"must have at most {_MOST_PARTS} names and patterns, not {len(parts)}"
    for one in parts:
        if mistake := _part_mistake(one.removeprefix(EXCEPT).strip()):
            return mistake
    if all(one.startswith(EXCEPT) for one in parts):
        return f"must say which events, not only which not: **, {parts[0]}"
    return None


def _part_mistake(part: str) -> str | None:
    if not part:
        return "must have a name on both sides of each comma"
    if len(part) > _LONGEST_PART:
        return f"must have names of at most {_LONGEST_PART} characters, not {len(part)}"
    if not _PART.fullmatch(part):
        return (
            f"must be a name of letters, digits, '.', '_' and '-', or a pattern of these with *, "
            f"not {shown(part)}"
        )
    for level in part.split(_DOT) if _ANY in part else ():
        if not level:
            return f"must have no empty level in a pattern, as {shown(part)} has"
        if _LEVELS in level and level != _LEVELS:
            return (
                f"must have ** as a level of its own (sales.**.created), other than {shown(part)}"
            )
    return None


def _parsed(text: str) -> EventPattern:
    # Each once, in the order in which they were written.
    wanted: dict[str, None] = {}
    exceptions: dict[str, None] = {}
    for one in (part.strip() for part in text.split(_SEPARATOR)):
        into = exceptions if one.startswith(EXCEPT) else wanted
        into[one.removeprefix(EXCEPT).strip()] = None
    written = [*wanted, *(f"{EXCEPT}{one}" for one in exceptions)]
    return EventPattern(f"{_SEPARATOR} ".join(written), tuple(wanted), tuple(exceptions))


def _any_matches(parts: Iterable[str], name: str) -> bool:
    return any(one == name or (_ANY in one and _matches(one, name)) for one in parts)


def _matches(pattern: str, name: str) -> bool:
    if name.startswith(OPERATIONAL) and not pattern.startswith(OPERATIONAL):
        # Who wants all events does not mean those.
        return False
    return _aligned(pattern.split(_DOT), name.split(_DOT), _LEVELS, _level_matches)


def _level_matches(pattern: str, level: str) -> bool:
    if pattern == _ANY:
        return level != ""
    return pattern == level or (_ANY in pattern and _aligned(pattern, level, _ANY, _same))


def _same(one: str, other: str) -> bool:
    return one == other


def _aligned(
    pattern: Sequence[str],
    found: Sequence[str],
    wild: str,
    same: Callable[[str, str], bool],
) -> bool:
    """Tell whether `found` is what a pattern says, in which `wild` stands for any number.

    It takes at most so many steps as the product of their lengths, whatever the pattern: after a
    mistake only the latest wild one takes more.
    """
    at = position = 0
    latest: tuple[int, int] | None = None
    while position < len(found):
        if at < len(pattern) and pattern[at] == wild:
            latest = (at, position)
            at += 1
        elif at < len(pattern) and same(pattern[at], found[position]):
            at += 1
            position += 1
        elif latest is not None:
            latest = (latest[0], latest[1] + 1)
            at, position = latest[0] + 1, latest[1]
        else:
            return False
    return all(one == wild for one in pattern[at:])

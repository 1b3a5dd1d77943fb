"""Patterns with placeholders, in time that does not explode: of LIKE, of queries, of names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from asyncevents_core.domain.query.nodes import Wild

Matcher = Callable[[str], bool]
"""Tells whether a pattern covers all of a text."""

_ONE: Final = "."


def matcher(parts: Iterable[str | Wild]) -> Matcher:
    """Return what matches these literal texts and placeholders, one after the other.

    What stands between two `Wild.ANY` is looked for from left to right, at its first place: a later
    one would leave less for the rest. So the time is that of looking for each once.

    >>> matches = matcher(("a", Wild.ANY, "b", Wild.ONE))
    >>> matches("abba"), matches("ab")
    (True, False)
    """
    first, *others = _pieces(parts)
    if not others:
        return _whole(first)
    *middle, last = others
    if not middle and all(map(_is_plain, (first, last))):
        return _around("".join(map(str, first)), "".join(map(str, last)))
    return _Pieces(first, middle, last).match


def _pieces(parts: Iterable[str | Wild]) -> Sequence[Sequence[str | Wild]]:
    """Return what stands before, between and behind the places of `Wild.ANY`."""
    pieces: list[list[str | Wild]] = [[]]
    for part in parts:
        if part is Wild.ANY:
            pieces.append([])
        elif part:
            pieces[-1].append(part)
    return pieces


def _is_plain(piece: Sequence[str | Wild]) -> bool:
    return Wild.ONE not in piece


def _whole(piece: Sequence[str | Wild]) -> Matcher:
    if _is_plain(piece):
        return "".join(map(str, piece)).__eq__
    fits = _expression(piece).fullmatch
    return lambda text: fits(text) is not None


def _around(start: str, end: str) -> Matcher:
    if not end:
        return lambda text: text.startswith(start)
    if not start:
        return lambda text: text.endswith(end)
    least = len(start) + len(end)
    return lambda text: len(text) >= least and text.startswith(start) and text.endswith(end)


def _expression(piece: Sequence[str | Wild]) -> re.Pattern[str]:
    """Return the expression of a piece. Its length is fixed, so there is nothing to try again."""
    written = "".join(_ONE if one is Wild.ONE else re.escape(str(one)) for one in piece)
    return re.compile(written, re.DOTALL)


def _length(piece: Sequence[str | Wild]) -> int:
    return sum(1 if one is Wild.ONE else len(str(one)) for one in piece)


class _Pieces:
    """A pattern with pieces between its placeholders."""

    def __init__(
        self,
        first: Sequence[str | Wild],
        middle: Sequence[Sequence[str | Wild]],
        last: Sequence[str | Wild],
    ) -> None:
        self._first = _expression(first)
        self._middle = [_expression(one) for one in middle if one]
        self._last = _expression(last)
        self._end = _length(last)

    def match(self, text: str) -> bool:
        """Tell whether the pattern covers all of a text."""
        found = self._first.match(text)
        end = len(text) - self._end
        if found is None or found.end() > end:
            return False
        at = found.end()
        for piece in self._middle:
            found = piece.search(text, at, end)
            if found is None:
                return False
            at = found.end()
        return self._last.fullmatch(text, end) is not None

"""Patterns and expressions as they are put to whole values and words: in any case.

Whole values are kept folded (see `words.fold`), as words are. So what is asked about them is
folded, too: a value, a range, a pattern and an expression agree on what is the same.
"""

from __future__ import annotations

import functools
import itertools
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from asyncevents_core.domain.query.nodes import Pattern, Wild
from asyncevents_core.domain.query.regex import Chars, Choice, Node, Repeat, literal
from asyncevents_core.domain.query.regex import Sequence as Parts
from asyncevents_core.domain.query.words import fold, is_of_a_word

_ASCII: Final = "\x7f"


def folded_pattern(pattern: Pattern) -> Pattern:
    """Return a pattern for folded texts.

    >>> folded_pattern(Pattern(("CK", Wild.ANY))).parts[0]
    'ck'
    """
    return Pattern(tuple(fold(one) if isinstance(one, str) else one for one in pattern.parts))


def without_stars(pattern: Pattern) -> str | None:
    """Return the text that a pattern is where each `*` stands for nothing.

    None where there is a `?`, or where a `*` stands between separators only: ``customer.*`` asks
    for what begins so, ``customer*`` for what ``customer`` finds and more.

    >>> without_stars(Pattern(("A-1", Wild.ANY))), without_stars(Pattern(("customer.", Wild.ANY)))
    ('A-1', None)
    """
    parts = pattern.parts
    if Wild.ONE in parts:
        return None
    for number, part in enumerate(parts):
        if isinstance(part, str):
            continue
        before = parts[number - 1] if number else ""
        after = parts[number + 1] if number + 1 < len(parts) else ""
        if not (_ends_in_a_word(before) or _begins_with_a_word(after)):
            return None
    return "".join(one for one in parts if isinstance(one, str))


def _ends_in_a_word(part: str | Wild) -> bool:
    return isinstance(part, str) and bool(part) and is_of_a_word(fold(part)[-1:] or " ")


def _begins_with_a_word(part: str | Wild) -> bool:
    return isinstance(part, str) and bool(part) and is_of_a_word(fold(part)[:1] or " ")


def folded(node: Node) -> Node:
    """Return an expression for folded texts: letters in any case are the same.

    >>> folded(literal("Kö")) == literal("kö")
    True
    """
    match node:
        case Chars():
            return _folded_chars(node)
        case Parts():
            return Parts(tuple(_folded_parts(node.parts)))
        case Choice():
            return Choice(tuple(folded(one) for one in node.options))
        case Repeat():
            return Repeat(folded(node.node), node.least, node.most)


def _folded_parts(parts: Iterable[Node]) -> Iterator[Node]:
    # Characters that stand side by side are folded together: a letter and its accent are one.
    for plain, some in itertools.groupby(parts, lambda one: _single(one) is not None):
        if plain:
            yield from literal(fold("".join(_single(one) or "" for one in some))).parts
        else:
            yield from map(folded, some)


def _single(node: Node) -> str | None:
    """Return the one character that an expression matches, None if there are others."""
    if isinstance(node, Chars) and not node.negated and len(node.ranges) == 1:
        low, high = node.ranges[0]
        return low if low == high else None
    return None


def _folded_chars(node: Chars) -> Node:
    single = _single(node)
    if single is not None:
        return literal(fold(single))
    ranges, longer = list(node.ranges), list[str]()
    for low, high in node.ranges:
        if low == high and len(fold(low)) > 1:
            longer.append(fold(low))
        ranges.extend(_images(low, high))
    chars = Chars(tuple(ranges), node.negated)
    if node.negated or not longer:
        return chars
    return Choice((chars, *map(literal, longer)))


def _images(low: str, high: str) -> Iterator[tuple[str, str]]:
    """Yield what the characters of a range are folded to, where that is one other character."""
    first, last = max(low, "A"), min(high, "Z")
    if first <= last:
        yield first.lower(), last.lower()
    if high > _ASCII:
        changed = _changed()
        for one in changed[bisect_left(changed, max(low, _ASCII)) :]:
            if one > high:
                return
            image = fold(one)
            if len(image) == 1 and not low <= image <= high:
                yield image, image


@functools.cache
def _changed() -> Sequence[str]:
    """Return the characters beyond ASCII that `fold` changes, in order."""
    return [char for char in map(chr, range(0x80, sys.maxunicode + 1)) if fold(char) != char]

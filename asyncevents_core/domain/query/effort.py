"""How much work an expression is for an engine that makes a deterministic automaton of it.

Such an engine follows all ways to match at once. Where they overlap, as in ``.*a.{20}``, their
number doubles with each further character. What one engine would refuse for that is refused by
the language, so that the answer does not depend on the engine.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from asyncevents_core.domain.query.regex import Chars, Choice, Node, Repeat
from asyncevents_core.domain.query.regex import Sequence as Parts

MAX_EFFORT: Final = 50_000
"""The largest effort of an expression: see `is_too_much`."""


@frozen
class _Part:
    """Where a part of an expression may begin and end, as sets of positions (bits)."""

    empty: bool
    first: int
    last: int


@define
class _Positions:
    """The characters of an expression with its counts written out, and what may follow each."""

    chars: list[Chars] = field(factory=list)
    follow: list[int] = field(factory=list)

    def part(self, node: Node) -> _Part:
        """Add an expression."""
        match node:
            case Chars():
                self.chars.append(node)
                self.follow.append(0)
                bit = 1 << len(self.chars) - 1
                return _Part(False, bit, bit)
            case Parts():
                return self._one_after_the_other(map(self.part, node.parts))
            case Choice():
                options = [self.part(one) for one in node.options]
                return _Part(
                    any(one.empty for one in options),
                    _union(one.first for one in options),
                    _union(one.last for one in options),
                )
            case Repeat():
                return self._one_after_the_other(self._copies(node))

    def _copies(self, node: Repeat) -> Iterator[_Part]:
        for _ in range(node.least):
            yield self.part(node.node)
        if node.most is None:
            again = self.part(node.node)
            self._join(again.last, again.first)
            yield _Part(True, again.first, again.last)
            return
        for _ in range(node.most - node.least):
            once = self.part(node.node)
            yield _Part(True, once.first, once.last)

    def _one_after_the_other(self, parts: Iterable[_Part]) -> _Part:
        whole = _Part(True, 0, 0)
        for part in parts:
            self._join(whole.last, part.first)
            whole = _Part(
                whole.empty and part.empty,
                whole.first | part.first if whole.empty else whole.first,
                whole.last | part.last if part.empty else part.last,
            )
        return whole

    def _join(self, before: int, after: int) -> None:
        for one in _bits(before):
            self.follow[one] |= after


def is_too_much(node: Node, most: int = MAX_EFFORT) -> bool:
    """Tell whether an expression needs more than `most` effort.

    That is the sum, over the states of its deterministic automaton, of the ways that are still
    open in each. It takes at most a fraction of a second, whatever the expression.

    >>> from asyncevents_core.domain.query.regex import parse
    >>> is_too_much(parse(".*a.{5}")), is_too_much(parse(".*a.{50}"))
    (False, True)
    """
    positions = _Positions()
    start = positions.part(node).first
    classes = _classes(positions.chars)
    found = {mask for one in classes if (mask := start & one)}
    waiting = list(found)
    spent = 0
    while waiting:
        state = waiting.pop()
        spent += state.bit_count()
        if spent > most:
            return True
        following = _union(positions.follow[one] for one in _bits(state))
        for one in classes:
            mask = following & one
            if mask and mask not in found:
                found.add(mask)
                waiting.append(mask)
    return False


def _classes(chars: Sequence[Chars]) -> list[int]:
    """Return, for each kind of character that the expression tells apart, who takes it."""
    ends = {"\0"}
    for one in chars:
        for low, high in one.ranges:
            ends |= {low, chr(min(ord(high) + 1, 0x10FFFF))}
    places = sorted(ends)
    takers = [0] * len(places)
    by_chars: dict[Chars, int] = {}
    for number, one in enumerate(chars):
        by_chars[one] = by_chars.get(one, 0) | 1 << number
    for one, mask in by_chars.items():
        inside = {
            place
            for low, high in one.ranges
            for place in range(bisect_left(places, low), bisect_right(places, high))
        }
        for place in set(range(len(places))) - inside if one.negated else inside:
            takers[place] |= mask
    return list(set(takers))


def _union(masks: Iterable[int]) -> int:
    whole = 0
    for one in masks:
        whole |= one
    return whole


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest

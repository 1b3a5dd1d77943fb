"""The positions of an expression: which of its characters may follow each other.

That is Glushkov's automaton, whose states are the characters of the expression, its counts written
out. Sets of positions are the bits of whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field, frozen

from asyncevents_core.domain.query.regex import Chars, Choice, Node, Repeat
from asyncevents_core.domain.query.regex import Sequence as Parts


@frozen
class Part:
    """Where a part of an expression may begin and end, as sets of positions (bits)."""

    empty: bool
    first: int
    last: int


@define
class Positions:
    """The characters of an expression with its counts written out, and what may follow each."""

    chars: list[Chars] = field(factory=list)
    follow: list[int] = field(factory=list)

    def part(self, node: Node) -> Part:
        """Add an expression."""
        match node:
            case Chars():
                self.chars.append(node)
                self.follow.append(0)
                bit = 1 << len(self.chars) - 1
                return Part(False, bit, bit)
            case Parts():
                return self._one_after_the_other(map(self.part, node.parts))
            case Choice():
                options = [self.part(one) for one in node.options]
                return Part(
                    any(one.empty for one in options),
                    union(one.first for one in options),
                    union(one.last for one in options),
                )
            case Repeat():
                return self._one_after_the_other(self._copies(node))

    def _copies(self, node: Repeat) -> Iterator[Part]:
        for _ in range(node.least):
            yield self.part(node.node)
        if node.most is None:
            again = self.part(node.node)
            self._join(again.last, again.first)
            yield Part(True, again.first, again.last)
            return
        for _ in range(node.most - node.least):
            once = self.part(node.node)
            yield Part(True, once.first, once.last)

    def _one_after_the_other(self, parts: Iterable[Part]) -> Part:
        whole = Part(True, 0, 0)
        for part in parts:
            self._join(whole.last, part.first)
            whole = Part(
                whole.empty and part.empty,
                whole.first | part.first if whole.empty else whole.first,
                whole.last | part.last if part.empty else part.last,
            )
        return whole

    def _join(self, before: int, after: int) -> None:
        for one in bits(before):
            self.follow[one] |= after


def union(masks: Iterable[int]) -> int:
    """Return the positions that are in any of these sets."""
    whole = 0
    for one in masks:
        whole |= one
    return whole


def bits(mask: int) -> Iterator[int]:
    """Yield the positions of a set."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest

"""How much work an expression is for an engine that makes a deterministic automaton of it.

Such an engine follows all ways to match at once. Where they overlap, as in ``.*a.{20}``, their
number doubles with each further character. What one engine would refuse for that is refused by
the language, so that the answer does not depend on the engine.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from asyncevents_core.domain.query.positions import Positions, bits, union
from asyncevents_core.domain.query.regex import Chars, Node

MAX_EFFORT: Final = 50_000
"""The largest effort of an expression: see `is_too_much`."""


def is_too_much(node: Node, most: int = MAX_EFFORT) -> bool:
    """Tell whether an expression needs more than `most` effort.

    That is the sum, over the states of its deterministic automaton, of the ways that are still
    open in each. It takes at most a fraction of a second, whatever the expression.

    >>> from asyncevents_core.domain.query.regex import parse
    >>> is_too_much(parse(".*a.{5}")), is_too_much(parse(".*a.{50}"))
    (False, True)
    """
    positions = Positions()
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
        following = union(positions.follow[one] for one in bits(state))
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

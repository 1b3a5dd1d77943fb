"""Expressions over texts, for engines that have none of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from asyncevents_core.domain.query.regex import Chars, Choice, Node, Repeat, Sequence
from asyncevents_core.errors import InvalidQuery

Rest = tuple[Node, ...]
"""What is still to come, one after the other; nothing is a match."""

_MAX_RESTS: Final = 1_000
_MAX_KEPT: Final = 500_000


class Automaton:
    """Tells which texts an expression matches. Not thread-safe.

    A state is all that may still come. States and steps are made when a text first needs them,
    and kept: over the many terms of a field it is about one look-up per character, whatever the
    expression. Python's `re` would try one way after the other, for ages if there are many.
    """

    def __init__(self, node: Node) -> None:
        self._begin = frozenset([(node,)])
        self._forget()

    def matches(self, text: str) -> bool:
        """Tell whether the expression matches all of a text.

        Raises `InvalidQuery` if it leaves too much open at once.
        """
        state = 0
        for char in text:
            following = self._steps.get((state, char))
            state = self._step(state, char) if following is None else following
            if not self._states[state]:
                return False
        return self._ends[state]

    def _step(self, state: int, char: str) -> int:
        following = frozenset(
            rest for before in self._states[state] for rest in self._after(before, char)
        )
        if len(following) > _MAX_RESTS:
            raise InvalidQuery("", 0, "an expression with fewer repetitions in each other")
        if self._kept > _MAX_KEPT:
            self._forget()
            return self._number(following)
        number = self._steps[state, char] = self._number(following)
        self._kept += 1
        return number

    def _number(self, state: frozenset[Rest]) -> int:
        number = self._numbers.get(state)
        if number is None:
            number = self._numbers[state] = len(self._states)
            self._states.append(state)
            self._ends.append(any(all(map(self._may_be_empty, rest)) for rest in state))
            self._kept += len(state)
        return number

    def _after(self, rest: Rest, char: str) -> Iterator[Rest]:
        """Yield what may come after a character: Antimirov's partial derivatives."""
        for number, part in enumerate(rest):
            for one in self._within(part, char):
                yield (*one, *rest[number + 1 :])
            if not self._may_be_empty(part):
                return

    def _within(self, node: Node, char: str) -> frozenset[Rest]:
        known = self._parts.get((node, char))
        if known is None:
            known = self._parts[node, char] = frozenset(self._derived(node, char))
            self._kept += 1 + len(known)
        return known

    def _derived(self, node: Node, char: str) -> Iterator[Rest]:
        match node:
            case Chars():
                if any(low <= char <= high for low, high in node.ranges) != node.negated:
                    yield ()
            case Sequence():
                yield from self._after(node.parts, char)
            case Choice():
                for option in node.options:
                    yield from self._within(option, char)
            case Repeat(most=most):
                if most != 0:
                    less = None if most is None else most - 1
                    again = Repeat(node.node, max(node.least - 1, 0), less)
                    for one in self._within(node.node, char):
                        yield (*one, again)

    def _may_be_empty(self, node: Node) -> bool:
        known = self._empty.get(node)
        if known is None:
            known = self._empty[node] = _is_empty_possible(node)
        return known

    def _forget(self) -> None:
        self._kept = 0
        self._states = list[frozenset[Rest]]()
        self._ends = list[bool]()
        self._numbers = dict[frozenset[Rest], int]()
        self._steps = dict[tuple[int, str], int]()
        self._parts = dict[tuple[Node, str], frozenset[Rest]]()
        self._empty = dict[Node, bool]()
        self._number(self._begin)


def beginning(node: Node) -> str:
    """Return what every text begins with that an expression matches: where to look for them.

    For ``CK-10[0-9]+`` that is ``CK-10``; it may be empty.
    """
    match node:
        case Chars(ranges=((low, high),), negated=False) if low == high:
            return low
        case Sequence():
            text = ""
            for part in node.parts:
                text += beginning(part)
                if not _is_text(part):
                    break
            return text
    return ""


def _is_text(node: Node) -> bool:
    match node:
        case Chars(ranges=((low, high),), negated=False):
            return low == high
        case Sequence():
            return all(map(_is_text, node.parts))
    return False


def _is_empty_possible(node: Node) -> bool:
    match node:
        case Chars():
            return False
        case Sequence():
            return all(map(_is_empty_possible, node.parts))
        case Choice():
            return any(map(_is_empty_possible, node.options))
        case Repeat():
            return node.least == 0 or _is_empty_possible(node.node)

"""Regular expressions of queries, held against a text."""

from __future__ import annotations

from typing import Final

from asyncevents_core.domain.query.positions import Positions, bits, union
from asyncevents_core.domain.query.regex import Chars, Node

_MOST_STEPS: Final = 2_000


class Expression:
    """Tells which texts an expression matches, in time linear in the text. Thread-safe.

    It follows all ways to match at once, as a set of positions. Steps from set to set are kept, up
    to a limit: for a text like those before it is about one look-up per character.
    """

    def __init__(self, node: Node) -> None:
        positions = Positions()
        self._whole = positions.part(node)
        self._chars: list[Chars] = positions.chars
        self._follow: list[int] = positions.follow
        self._steps: dict[tuple[int, str], int] = {}
        self._takers: dict[str, int] = {}

    def matches(self, text: str) -> bool:
        """Tell whether the expression matches all of a text."""
        if not text:
            return self._whole.empty
        reached = self._whole.first & self._taking(text[0])
        for char in text[1:]:
            if not reached:
                return False
            following = self._steps.get((reached, char))
            reached = self._step(reached, char) if following is None else following
        return bool(reached & self._whole.last)

    def _step(self, reached: int, char: str) -> int:
        following = union(self._follow[one] for one in bits(reached)) & self._taking(char)
        if len(self._steps) >= _MOST_STEPS:
            self._steps = {}
        self._steps[reached, char] = following
        return following

    def _taking(self, char: str) -> int:
        """Return the positions at which a character may stand."""
        known = self._takers.get(char)
        if known is None:
            known = sum(1 << n for n, one in enumerate(self._chars) if _is_of(char, one))
            if len(self._takers) >= _MOST_STEPS:
                self._takers = {}
            self._takers[char] = known
        return known


def _is_of(char: str, chars: Chars) -> bool:
    return any(low <= char <= high for low, high in chars.ranges) != chars.negated

"""Words that are almost another one, as an expression: for fields whose name is a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from asyncevents_core.domain.query.regex import (
    ANY,
    Choice,
    Node,
    Repeat,
    Sequence,
    literal,
)

_ONE_MORE: Final = Repeat(ANY, 0, 1)


def almost(word: str, distance: int) -> Node:
    """Return the texts that are at most `distance` edits, 0 to 2, from a word.

    The edits are those of `domain.query.distance.within`. The size of the expression grows with
    the third power of the word's length; it is a choice, so that it can be taken apart.
    """
    if distance == 0:
        return literal(word)
    ways = list[Node]()
    for place in range(len(word)):
        start = literal(word[:place])
        ways += [Sequence((start, one)) for one in _first_edits(word[place:], distance)]
    return Choice((*ways, Sequence((literal(word), *[_ONE_MORE] * distance))))


def _first_edits(word: str, distance: int) -> Iterator[Node]:
    """Yield the ways in which the first edit is at the beginning of a word."""
    char, rest = word[0], word[1:]
    # Left out, replaced, or one inserted before it: what follows is almost the rest.
    instead = Repeat(Sequence((ANY, Repeat(literal(char), 0, 1))), 0, 1)
    yield Sequence((instead, _almost(rest, distance - 1)))
    if distance == 2:
        # Two inserted here.
        yield Sequence((ANY, ANY, literal(word)))
    if rest:
        yield Sequence((literal(rest[0] + char), _almost(rest[1:], distance - 1)))


def _almost(word: str, distance: int) -> Node:
    """Return the same as `almost`, half as long, nested in itself."""
    if distance == 0:
        return literal(word)
    if not word:
        return Sequence((*[_ONE_MORE] * distance,))
    later = Sequence((literal(word[0]), _almost(word[1:], distance)))
    return Choice((later, *_first_edits(word, distance)))

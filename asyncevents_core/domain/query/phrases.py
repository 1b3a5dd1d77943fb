"""Where the words of a phrase may stand, when they may be moved."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

MAX_ARRANGEMENTS: Final = 4096
"""More than this many ways to stand are refused: see `arrangements_of`."""


def arrangements_of(count: int, slop: int) -> int:
    """Return in how many ways so many words may stand, moved by `slop` places.

    >>> arrangements_of(2, 0), arrangements_of(2, 2)
    (1, 5)
    """
    return int((slop + 1) ** count - slop**count)


def arrangements(count: int, slop: int) -> Iterator[Sequence[int]]:
    """Yield the places of the words, from 0 on, no two at the same one.

    Lucene's rule: how far each word is from its place in the phrase differs by at most `slop`.

    >>> list(arrangements(2, 1))
    [(0, 1), (0, 2)]
    """
    for moved in itertools.product(range(slop + 1), repeat=count):
        if min(moved) == 0:
            places = tuple(number + one for number, one in enumerate(moved))
            if len(set(places)) == count:
                first = min(places)
                yield tuple(one - first for one in places)

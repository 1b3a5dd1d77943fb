"""Whether the words of a phrase stand in a text, when they may be moved."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence


def has_phrase(text: Sequence[str], wanted: Sequence[str], slop: int) -> bool:
    """Tell whether a text has these words in one of their `phrases.arrangements`.

    How far each word is from its place in the phrase differs by at most `slop`, and no two words
    are the same one of the text. The time grows with the length of the text, whatever `slop` is.

    >>> has_phrase(["kettle", "blue"], ["blue", "kettle"], 2)
    True
    """
    if not wanted:
        return False
    if len(wanted) == 1:
        return wanted[0] in text
    if slop == 0:
        return _one_after_the_other(text, list(wanted))
    places: dict[str, list[int]] = {word: [] for word in wanted}
    for place, word in enumerate(text):
        if word in places:
            places[word].append(place)
    if not all(places.values()):
        return False
    # The one that is moved the least says where the phrase begins.
    starts = {place - number for number, word in enumerate(wanted) for place in places[word]}
    return any(_fits(places, wanted, start, slop) for start in starts)


def _one_after_the_other(text: Sequence[str], wanted: list[str]) -> bool:
    count, first = len(wanted), wanted[0]
    return any(
        word == first and list(text[start : start + count]) == wanted
        for start, word in enumerate(text[: len(text) - count + 1])
    )


def _fits(
    places: Mapping[str, Sequence[int]], wanted: Sequence[str], start: int, slop: int
) -> bool:
    """Tell whether each word has a place of its own, at most `slop` behind where it would be."""
    last: dict[str, int] = {}
    for number, word in enumerate(wanted):
        # Of the same words, the earlier one may not stand further behind: it takes the first place.
        least = max(start + number, last.get(word, -1) + 1)
        found = bisect_left(places[word], least)
        if found == len(places[word]) or places[word][found] > start + number + slop:
            return False
        last[word] = places[word][found]
    return True

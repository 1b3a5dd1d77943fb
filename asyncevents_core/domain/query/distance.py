"""How many slips lie between two words."""

from __future__ import annotations


def within(word: str, other: str, distance: int) -> bool:
    """Tell whether at most `distance` slips turn one word into the other.

    A slip inserts, leaves out or replaces a letter, or swaps two neighbours (the optimal string
    alignment distance).

    >>> within("hello", "helol", 1), within("hello", "hallo", 0)
    (True, False)
    """
    if abs(len(word) - len(other)) > distance:
        return False
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, char in enumerate(word, 1):
        current = [row]
        for column, letter in enumerate(other, 1):
            cost = min(
                last[column] + 1,
                current[column - 1] + 1,
                last[column - 1] + (char != letter),
            )
            if row > 1 and column > 1 and char == other[column - 2] and word[row - 2] == letter:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if min(current) > distance and min(last) > distance:
            return False
        before, last = last, current
    return last[-1] <= distance

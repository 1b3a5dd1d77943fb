"""Ranges of sortable terms as expressions: the terms of a field have no range query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from asyncevents_core.domain.query.regex import (
    ANYTHING,
    Chars,
    Choice,
    Node,
    Repeat,
    Sequence,
    literal,
)
from asyncevents_core.indexer_kit.keys import FULL, Key

_FIRST: Final = "\0"
_LAST: Final = "\U0010ffff"
_KEYS_HIGHEST: Final = "~"


@frozen
class _Alphabet:
    """The highest character of the texts, and what stands for any text of it."""

    highest: str
    anything: Node


def between(
    lower: str | None,
    upper: str | None,
    *,
    above: bool = False,
    below: bool = False,
    start: str = "",
    highest: str = _LAST,
) -> Node | None:
    """Return the texts from `lower` to `upper`, in code point order, that begin with `start`.

    None is an open end; `above` and `below` leave the ends themselves out. Returns None where
    there are no such texts. `lower` and `upper` begin with `start`. No text has a character above
    `highest`: for ASCII alone the expression is much smaller.
    """
    rest = ANYTHING if highest == _LAST else Repeat(Chars(((_FIRST, highest),)), 0, None)
    alphabet = _Alphabet(highest, rest)
    if lower is None and upper is None:
        options: list[Node] = [Sequence((literal(start), rest))]
    elif upper is None:
        options = list(_from(lower or "", len(start), above, alphabet))
    elif lower is None:
        options = list(_up_to(upper, len(start), below, alphabet))
    else:
        options = list(_both(lower, upper, above, below, alphabet))
    return Choice(tuple(options)) if options else None


def _both(lower: str, upper: str, above: bool, below: bool, alphabet: _Alphabet) -> Iterator[Node]:
    if lower >= upper:
        if lower == upper and not above and not below:
            yield literal(lower)
        return
    common = _common(lower, upper)
    if common == len(lower):
        if not above:
            yield literal(lower)
        yield from _up_to(upper, common, below, alphabet, shortest=common + 1)
        return
    low, high = ord(lower[common]) + 1, ord(upper[common]) - 1
    if low <= high:
        yield Sequence((literal(lower[:common]), Chars(_span(low, high)), alphabet.anything))
    yield from _from(lower, common + 1, above, alphabet)
    yield from _up_to(upper, common + 1, below, alphabet)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginnings."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _from(lower: str, fixed: int, above: bool, alphabet: _Alphabet) -> Iterator[Node]:
    """Yield what is `lower` or higher and shares its first `fixed` characters."""
    for position in range(fixed, len(lower)):
        char = lower[position]
        if char < alphabet.highest:
            higher = Chars(_span(ord(char) + 1, ord(alphabet.highest)))
            yield Sequence((literal(lower[:position]), higher, alphabet.anything))
    longer = (Chars(((_FIRST, alphabet.highest),)),) if above else ()
    yield Sequence((literal(lower), *longer, alphabet.anything))


def _up_to(
    upper: str, fixed: int, below: bool, alphabet: _Alphabet, *, shortest: int | None = None
) -> Iterator[Node]:
    """Yield what is `upper` or lower and shares its first `fixed` characters."""
    least = fixed if shortest is None else shortest
    for position in range(fixed, len(upper)):
        if position >= least:
            yield literal(upper[:position])
        char = upper[position]
        if char > _FIRST:
            lower = Chars(_span(0, ord(char) - 1))
            yield Sequence((literal(upper[:position]), lower, alphabet.anything))
    if not below:
        yield literal(upper)


def _span(low: int, high: int) -> tuple[tuple[str, str], ...]:
    """Return a range of characters without the surrogates, which no text holds."""
    if low > 0xDFFF or high < 0xD800:
        return ((chr(low), chr(high)),)
    parts = []
    if low < 0xD800:
        parts.append((chr(low), "\ud7ff"))
    if high > 0xDFFF:
        parts.append(("\ue000", chr(high)))
    return tuple(parts) or (("\ue000", "\ue000"),)


def covering(
    lower: Key | None, upper: Key | None, *, above: bool = False, below: bool = False
) -> Node | None:
    """Return the terms, without a path, whose values lie between two keys of one kind.

    `above` and `below` leave the ends themselves out. At least one end is given. Each value in
    between has one of its terms among them.
    """
    key = lower or upper
    if key is None:
        raise ValueError("a range has an end")
    if lower is not None and upper is not None and lower.full > upper.full:
        return None
    levels = [level for level, _ in key.levels]
    found = list(_cover(0, levels, "", lower, upper, above, below))
    options = [Sequence((literal(key.kind + level), node)) for level, node in found]
    return Choice(tuple(options)) if options else None


def _cover(
    depth: int,
    levels: list[str],
    start: str,
    lower: Key | None,
    upper: Key | None,
    above: bool,
    below: bool,
) -> Iterator[tuple[str, Node]]:
    if depth == len(levels):
        node = between(
            None if lower is None else lower.full,
            None if upper is None else upper.full,
            above=above,
            below=below,
            start=start,
            highest=_KEYS_HIGHEST,
        )
        if node is not None:
            yield FULL, node
        return
    first = lower.levels[depth][1] if lower else None
    last = upper.levels[depth][1] if upper else None
    if first is not None and first == last:
        yield from _cover(depth + 1, levels, first, lower, upper, above, below)
        return
    middle = between(first, last, above=True, below=True, start=start, highest=_KEYS_HIGHEST)
    if middle is not None:
        yield levels[depth], middle
    if lower and first is not None:
        yield from _cover(depth + 1, levels, first, lower, None, above, below)
    if upper and last is not None:
        yield from _cover(depth + 1, levels, last, None, upper, above, below)

"""What a query means, said as directly as possible: one document is looked at after the other."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeVar

from attrs import frozen

from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.dates import Span, span
from asyncevents_core.domain.query.distance import within
from asyncevents_core.domain.query.fields import FIELDS, NUMBERS, FieldKind, matches, selects
from asyncevents_core.domain.query.folding import folded, folded_pattern, without_stars
from asyncevents_core.domain.query.leaves import Scalar
from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
    Bound,
    ExactQuery,
    ExistsQuery,
    Field,
    FuzzyQuery,
    MatchAll,
    MatchNone,
    Pattern,
    PhraseQuery,
    Query,
    RangeQuery,
    RegexQuery,
    TermQuery,
    WildcardQuery,
)
from asyncevents_core.domain.query.phrases import arrangements
from asyncevents_core.domain.query.readings import (
    date_bounds,
    date_of,
    number_bounds,
    number_in,
    number_of,
    text_of,
)
from asyncevents_core.domain.query.words import fold, words, words_of_folded
from asyncevents_core.ports.indexer import AttemptDocument

_LONGEST: Final = 512


@frozen
class Value:
    """A value at a path; `folded` is its text in any case.

    `whole` is the same, but None for a text too long for patterns and order.
    """

    path: str
    value: Scalar
    text: str
    folded: str
    whole: str | None
    words: Sequence[str]
    number: Decimal | None
    date: int | None

    @classmethod
    def of(cls, path: str, value: Scalar) -> Value:
        """Make one."""
        text = text_of(value)
        folded = fold(text)
        return cls(
            path=path,
            value=value,
            text=text,
            folded=folded,
            whole=folded if len(folded) <= _LONGEST else None,
            words=words_of_folded(folded) if isinstance(value, str | bool) else (),
            number=number_of(value),
            date=date_of(value),
        )


@frozen
class Wanted:
    """What a text of a query means; one text is held against many values."""

    folded: str
    words: Sequence[str]
    number: Decimal | None
    dates: Span | None

    @classmethod
    def of(cls, text: str) -> Wanted:
        """Make one."""
        return cls(folded=fold(text), words=words(text), number=number_of(text), dates=span(text))


class Searchable:
    """A document and what it says. Raises `ValueError` if its body is not a JSON object."""

    def __init__(self, document: AttemptDocument) -> None:
        self.document = document
        self._values = [Value.of(path, value) for path, value in document.leaves()]

    def is_hit(self, query: Query) -> bool:
        """Tell whether the query finds it."""
        match query:
            case MatchAll():
                return True
            case MatchNone():
                return False
            case BooleanQuery():
                return self._boolean(query)
            case ExistsQuery():
                return self._exists(query.field)
            case RangeQuery(field=str() as field) if field in NUMBERS:
                return self._own_range(query, field)
            case TermQuery(field=str() as field) if field in NUMBERS:
                return self.document.number(field) == number_in(field, query.text)
        return any(_holds(query, one) for one in self._in(_field_of(query)))

    def _boolean(self, query: BooleanQuery) -> bool:
        if any(self.is_hit(one) for one in query.must_not):
            return False
        if query.must:
            return all(self.is_hit(one) for one in query.must)
        return not query.should or any(self.is_hit(one) for one in query.should)

    def _exists(self, field: str | Pattern) -> bool:
        names = {name for name in NUMBERS if self.document.number(name) is not None}
        for value in self._values:
            parts = value.path.split(".")
            names.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
        if isinstance(field, str):
            return field in names
        return any(matches(field, name) for name in names)

    def _own_range(self, query: RangeQuery, field: str) -> bool:
        value = self.document.number(field)
        if value is None:
            return False
        if FIELDS[field] is FieldKind.DATE:
            start, end = date_bounds(query) or (None, None)
            return (start is None or start <= value) and (end is None or value < end)
        lower = None if query.lower is None else number_in(field, query.lower.text)
        upper = None if query.upper is None else number_in(field, query.upper.text)
        return _between(value, lower, upper, query)

    def _in(self, field: Field) -> list[Value]:
        return [one for one in self._values if selects(field, one.path)]


def _field_of(query: Query) -> Field:
    match query:
        case (
            TermQuery()
            | PhraseQuery()
            | ExactQuery()
            | WildcardQuery()
            | RegexQuery()
            | FuzzyQuery()
            | RangeQuery()
        ):
            return query.field
    raise TypeError(f"no query: {query!r}")


def _holds(query: Query, one: Value) -> bool:
    match query:
        case TermQuery():
            return _equals(one, query.text, 0)
        case PhraseQuery():
            return _equals(one, query.text, query.slop)
        case ExactQuery():
            return one.text == query.text
        case WildcardQuery():
            return _fits(one, query.pattern)
        case RegexQuery():
            node = _expression(query.text)
            wholes = [] if one.whole is None else [one.whole]
            return any(_consumes(node, text) for text in (*wholes, *one.words))
        case FuzzyQuery():
            return any(within(query.word, word, query.distance) for word in one.words)
        case RangeQuery():
            return _is_between(one, query)
    raise TypeError(f"no query of a value: {query!r}")


def _equals(one: Value, text: str, slop: int) -> bool:
    wanted = _wanted(text)
    if one.folded == wanted.folded or _has_phrase(one.words, wanted.words, slop):
        return True
    if wanted.number is not None and one.number == wanted.number:
        return True
    dates, date = wanted.dates, one.date
    return dates is not None and date is not None and dates.start <= date < dates.end


@lru_cache(maxsize=64)
def _wanted(text: str) -> Wanted:
    return Wanted.of(text)


@lru_cache(maxsize=64)
def _expression(text: str) -> regex.Node:
    return folded(regex.parse(text))


def _has_phrase(text: Sequence[str], wanted: Sequence[str], slop: int) -> bool:
    if not wanted or not set(wanted) <= set(text):
        return False
    for places in arrangements(len(wanted), slop):
        for start in range(len(text) - max(places)):
            if all(text[start + place] == word for place, word in zip(places, wanted, strict=True)):
                return True
    return False


def _fits(one: Value, pattern: Pattern) -> bool:
    text, pattern = without_stars(pattern), folded_pattern(pattern)
    if text is not None and _equals(one, text, 0):
        return True
    wholes = [] if one.whole is None else [one.whole]
    return any(matches(pattern, text) for text in (*wholes, *one.words))


def _is_between(one: Value, query: RangeQuery) -> bool:
    numbers, dates = number_bounds(query), date_bounds(query)
    if numbers is not None and one.number is not None and _between(one.number, *numbers, query):
        return True
    if dates is not None:
        date, (start, end) = one.date, dates
        if date is not None and (start is None or start <= date) and (end is None or date < end):
            return True
    if numbers is None and dates is None and one.whole is not None:
        lower = None if query.lower is None else fold(query.lower.text)
        upper = None if query.upper is None else fold(query.upper.text)
        return _between(one.whole, lower, upper, query)
    return False


Ordered = TypeVar("Ordered", int, Decimal, str)


def _between(
    value: Ordered, lower: Ordered | None, upper: Ordered | None, query: RangeQuery
) -> bool:
    if lower is not None and (value < lower or (value == lower and _excludes(query.lower))):
        return False
    return upper is None or value < upper or (value == upper and not _excludes(query.upper))


def _excludes(bound: Bound | None) -> bool:
    return bound is not None and not bound.inclusive


def _consumes(node: regex.Node, text: str) -> bool:
    """Tell whether an expression matches all of a text."""
    return len(text) in _ends(node, text, {0})


def _ends(node: regex.Node, text: str, starts: set[int]) -> set[int]:
    """Return where an expression may end that begins at one of these places."""
    match node:
        case regex.Chars():
            return {one + 1 for one in starts if one < len(text) and _is_of(text[one], node)}
        case regex.Sequence():
            for part in node.parts:
                starts = _ends(part, text, starts)
            return starts
        case regex.Choice():
            return set().union(*(_ends(option, text, starts) for option in node.options))
        case regex.Repeat():
            return _repeated(node, text, starts)


def _repeated(node: regex.Repeat, text: str, starts: set[int]) -> set[int]:
    for _ in range(node.least):
        starts = _ends(node.node, text, starts)
    reached, new, left = set(starts), starts, node.most
    while new and (left is None or left > node.least):
        new = _ends(node.node, text, new) - reached
        reached |= new
        left = None if left is None else left - 1
    return reached


def _is_of(char: str, chars: regex.Chars) -> bool:
    return any(low <= char <= high for low, high in chars.ranges) != chars.negated

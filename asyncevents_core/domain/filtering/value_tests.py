"""What a query asks of one value: made once of the query, then held against many values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from asyncevents_core.domain.filtering.expressions import Expression
from asyncevents_core.domain.filtering.leaf_value import LeafValue
from asyncevents_core.domain.filtering.wildcards import matcher
from asyncevents_core.domain.filtering.word_order import has_phrase
from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.dates import span
from asyncevents_core.domain.query.distance import within
from asyncevents_core.domain.query.folding import folded, folded_pattern, without_stars
from asyncevents_core.domain.query.nodes import (
    Bound,
    ExactQuery,
    FuzzyQuery,
    Pattern,
    PhraseQuery,
    Query,
    RangeQuery,
    RegexQuery,
    TermQuery,
    WildcardQuery,
)
from asyncevents_core.domain.query.readings import date_bounds, number_bounds, number_of
from asyncevents_core.domain.query.words import fold, words_of_folded

ValueTest = Callable[[LeafValue], bool]
Ordered = TypeVar("Ordered", Decimal, str)


def value_test(query: Query) -> ValueTest:
    """Return what a query for values asks of each. Raises `TypeError` for another query."""
    match query:
        case TermQuery():
            return _equal(query.text, 0)
        case PhraseQuery():
            return _equal(query.text, query.slop)
        case ExactQuery():
            text = query.text
            return lambda one: one.text == text
        case WildcardQuery():
            return _of_form(query.pattern)
        case RegexQuery():
            return _matched(Expression(folded(regex.parse(query.text))).matches)
        case FuzzyQuery():
            word, distance = query.word, query.distance
            return lambda one: any(within(word, other, distance) for other in one.words)
        case RangeQuery():
            return _in_range(query)
    raise TypeError(f"no query for values: {query!r}")


def _equal(text: str, slop: int) -> ValueTest:
    wanted = fold(text)
    tests = [_of_words(wanted, words_of_folded(wanted), slop)]
    number, dates = number_of(text), span(text)
    if number is not None:
        tests.append(lambda one: one.number == number)
    if dates is not None:
        start, end = dates.start, dates.end
        tests.append(lambda one: one.date is not None and start <= one.date < end)
    return tests[0] if len(tests) == 1 else _any(tests)


def _of_words(wanted: str, words: Sequence[str], slop: int) -> ValueTest:
    def test(one: LeafValue) -> bool:
        text = one.folded
        if text == wanted:
            return True
        # Where a word is not even a part of the text, it need not be cut into words.
        for word in words:
            if word not in text:
                return False
        return has_phrase(one.words, words, slop)

    return test


def _any(tests: Sequence[ValueTest]) -> ValueTest:
    def test(one: LeafValue) -> bool:
        return any(each(one) for each in tests)

    return test


def _of_form(pattern: Pattern) -> ValueTest:
    text = without_stars(pattern)
    test = _matched(matcher(folded_pattern(pattern).parts))
    return test if text is None else _any((_equal(text, 0), test))


def _matched(matches: Callable[[str], bool]) -> ValueTest:
    """Return what asks the same of a whole value, and of each of its words."""

    def test(one: LeafValue) -> bool:
        whole = one.whole
        return (whole is not None and matches(whole)) or any(map(matches, one.words))

    return test


def _in_range(query: RangeQuery) -> ValueTest:
    numbers, dates = number_bounds(query), date_bounds(query)
    tests: list[ValueTest] = []
    if numbers is not None:
        has_number = _between(*numbers, query)
        tests.append(lambda one: one.number is not None and has_number(one.number))
    if dates is not None:
        start, end = dates
        tests.append(
            lambda one: (
                one.date is not None
                and (start is None or start <= one.date)
                and (end is None or one.date < end)
            )
        )
    if not tests:
        lower, upper = (None if e is None else fold(e.text) for e in (query.lower, query.upper))
        has_text = _between(lower, upper, query)
        tests.append(lambda one: one.whole is not None and has_text(one.whole))
    return tests[0] if len(tests) == 1 else _any(tests)


def _between(
    lower: Ordered | None, upper: Ordered | None, query: RangeQuery
) -> Callable[[Ordered], bool]:
    above, below = _excludes(query.lower), _excludes(query.upper)

    def has(value: Ordered) -> bool:
        if lower is not None and (value < lower or (above and value == lower)):
            return False
        return upper is None or value < upper or (not below and value == upper)

    return has


def _excludes(bound: Bound | None) -> bool:
    return bound is not None and not bound.inclusive

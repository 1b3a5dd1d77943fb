"""What stands after a field: made into nodes, checked against the kind of the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from attrs import evolve

from asyncevents_core.adapters.lucene.names import Wrong
from asyncevents_core.domain.query.dates import Span, is_math, math, span, written
from asyncevents_core.domain.query.fields import CHOICES, FIELDS, FieldKind
from asyncevents_core.domain.query.nodes import (
    Bound,
    ExistsQuery,
    Field,
    MatchAll,
    Pattern,
    PhraseQuery,
    Query,
    RangeQuery,
    RegexQuery,
    TermQuery,
    WildcardQuery,
)
from asyncevents_core.domain.query.readings import (
    date_bounds,
    digits_of,
    number_bounds,
    number_of,
    truth_of,
)
from asyncevents_core.domain.query.words import fold, words

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_EPOCH_MILLIS: Final = re.compile(r"-?[0-9]{5,15}")
MAX_BOUND: Final = 80
"""Characters of a text that bounds a range in fields with wildcards; it grows with their square."""
MAX_DIGITS: Final = 100
"""Digits of a bound, without zeros at its ends: what is asked grows with their square."""
_LAST: Final = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z"""
_DATES: Final = "a date: 2026-11-23, 2026-11, “2026-11-23 10:00:00”, now-1d"
_WRITTEN: Final[Mapping[FieldKind, str]] = MappingProxyType(
    {
        FieldKind.INTEGER: "a whole number of up to 18 digits",
        FieldKind.SECONDS: "a number of seconds, such as 0.25",
        FieldKind.BOOLEAN: "true or false",
        FieldKind.DATE: "a date",
    }
)


class Values:
    """Makes the leaves of one query; `now` is in microseconds since the epoch."""

    def __init__(self, wrong: Wrong, *, now: int) -> None:
        self._wrong = wrong
        self._now = now

    def term(self, field: Field, text: str, position: int) -> Query:
        """Return the query for a value without quotes."""
        typed = self._typed(field, text, position) or self._moment(field, text)
        return typed or TermQuery(field=field, text=text)

    def phrase(self, field: Field, text: str, slop: int, position: int) -> Query:
        """Return the query for a value in quotes."""
        typed = self._typed(field, text, position)
        return typed or PhraseQuery(field=field, text=text, slop=slop)

    def wildcard(self, field: Field, pattern: Pattern, position: int) -> Query:
        """Return the query for a value with wildcards."""
        return self.text_only(WildcardQuery(field=field, pattern=pattern), field, position)

    def regex(self, field: Field, text: str, position: int) -> Query:
        """Return the query for a regular expression."""
        return self.text_only(RegexQuery(field=field, text=text), field, position)

    def text_only(self, query: Query, field: Field, position: int) -> Query:
        """Return `query`, unless the field holds something else than text."""
        kind = _kind(field)
        if kind is not FieldKind.TEXT:
            self._wrong(position, f"{_WRITTEN[kind]}, written out; {field} is not a text field")
        return query

    def range(self, field: Field, lower: Bound | None, upper: Bound | None, position: int) -> Query:
        """Return the query for a range or a comparison."""
        kind = _kind(field)
        if kind is FieldKind.BOOLEAN:
            self._wrong(position, f"true or false; {field} has no order")
        if lower is None and upper is None:
            return MatchAll() if field is None else ExistsQuery(field=field)
        lower = self._bound(lower, kind, position, is_lower=True)
        upper = self._bound(upper, kind, position, is_lower=False)
        query = RangeQuery(field=field, lower=lower, upper=upper)
        longest = max(len(fold(one.text)) for one in query.bounds)
        if (
            longest > MAX_BOUND
            and isinstance(field, Pattern)
            and number_bounds(query) is None
            and date_bounds(query) is None
        ):
            expected = f"bounds of up to {MAX_BOUND} characters, or a field without wildcards"
            self._wrong(position, expected)
        return query

    def _typed(self, field: Field, text: str, position: int) -> Query | None:
        kind = _kind(field)
        if kind is FieldKind.TEXT:
            self._check_choice(field, text, position)
            return None
        if kind is FieldKind.DATE:
            return _within(field, self._span(text, position, of_the_attempt=True))
        if kind is FieldKind.BOOLEAN:
            truth = truth_of(text)
            if truth is None:
                self._wrong(position, _WRITTEN[FieldKind.BOOLEAN], f"“{text}”")
            return TermQuery(field=field, text="true" if truth else "false")
        if kind is FieldKind.SECONDS:
            return TermQuery(field=field, text=self._seconds(text, position))
        return TermQuery(field=field, text=self._integer(text, position))

    def _check_choice(self, field: Field, text: str, position: int) -> None:
        """Refuse what a text with few values never is: fates and outcomes have other words."""
        choices = CHOICES.get(field, ()) if isinstance(field, str) else ()
        if choices and not any(set(words(text)) <= set(words(one)) for one in choices):
            self._wrong(position, " or ".join(choices), f"“{text}”")

    def _moment(self, field: Field, text: str) -> Query | None:
        """Return the query for date math; None for what is none, such as the word “now”."""
        if text == "now" or not is_math(text):
            return None
        try:
            return _within(field, math(text, now=self._now))
        except ValueError:
            return None

    def _integer(self, text: str, position: int) -> str:
        if _INTEGER.fullmatch(text) is None:
            self._wrong(position, _WRITTEN[FieldKind.INTEGER], f"“{text}”")
        return str(int(text))

    def _seconds(self, text: str, position: int) -> str:
        number = number_of(text)
        if number is None:
            self._wrong(position, _WRITTEN[FieldKind.SECONDS], f"“{text}”")
        self._check_digits(number, position)
        return text

    def _check_digits(self, number: Decimal, position: int) -> None:
        if digits_of(number) > MAX_DIGITS:
            self._wrong(position, f"a bound of up to {MAX_DIGITS} digits")

    def _bound(
        self, bound: Bound | None, kind: FieldKind, position: int, *, is_lower: bool
    ) -> Bound | None:
        if bound is None:
            return None
        if kind is FieldKind.INTEGER:
            return evolve(bound, text=self._integer(bound.text, position))
        if kind is FieldKind.SECONDS:
            return evolve(bound, text=self._seconds(bound.text, position))
        if kind is FieldKind.DATE or is_math(bound.text):
            dates = self._span(bound.text, position, of_the_attempt=kind is FieldKind.DATE)
            return rounded(bound, dates, is_lower=is_lower)
        number = number_of(bound.text)
        if number is not None:
            self._check_digits(number, position)
        return bound

    def _span(self, text: str, position: int, *, of_the_attempt: bool) -> Span:
        if is_math(text):
            try:
                return math(text, now=self._now)
            except ValueError as error:
                self._wrong(position, f"date math ({error})")
        if of_the_attempt and _EPOCH_MILLIS.fullmatch(text):
            start = int(text) * 1000
            if abs(start) <= _LAST:
                return Span(start=start, end=start + 1000)
        found = span(text)
        if found is None:
            self._wrong(position, _DATES, f"“{text}”")
        return found


def rounded(bound: Bound, dates: Span, *, is_lower: bool) -> Bound:
    """Return a bound to the microsecond: from its start on, or up to before its end.

    As Elasticsearch rounds: ``>=`` and ``<`` take the beginning of the day, month or whatever
    the date is precise to, ``>`` and ``<=`` its end.
    """
    if is_lower:
        return Bound(text=_shown(dates.start if bound.inclusive else dates.end), inclusive=True)
    return Bound(text=_shown(dates.end if bound.inclusive else dates.start), inclusive=False)


def _within(field: Field, dates: Span) -> Query:
    return RangeQuery(
        field=field,
        lower=Bound(text=_shown(dates.start), inclusive=True),
        upper=Bound(text=_shown(dates.end), inclusive=False),
    )


def _shown(when: int) -> str:
    return written(max(-62_135_596_800_000_000, min(when, _LAST)))


def _kind(field: Field) -> FieldKind:
    return FIELDS.get(field, FieldKind.TEXT) if isinstance(field, str) else FieldKind.TEXT

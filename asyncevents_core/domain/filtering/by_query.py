"""A filter made of a query: it lets pass what the search would find.

Of the fields of the search, those of the event are known before it is delivered: `event_name`,
`tenant`, and all below ``data.``. The others are of an attempt, of which there is none yet.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

from asyncevents_core.domain.filtering.event_filter import EventFilter
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.filtering.paths import OWN_FIELDS, Path, with_those_above
from asyncevents_core.domain.filtering.value_tests import ValueTest, value_test
from asyncevents_core.domain.filtering.wildcards import matcher
from asyncevents_core.domain.query.fields import EVENT
from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
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

Condition = Callable[[EventView], bool]

MAX_WEIGHT: Final = 20
"""Conditions of one filter that look at every value of an event, as they name no single field.

One with a pattern, an expression or ``~`` is held against every word, and counts for five.
"""
_PATHS_KEPT: Final = 1_000
_OF_NAMES: Final = 10
"""The effort of looking at a path, and at those above it."""


class QueryFilter(EventFilter):
    """Lets pass the events that a query finds."""

    def __init__(self, query: Query) -> None:
        """Raises `ValueError` if the query names a field that no event has: see `is_of_events`."""
        self.query = query
        self._holds = _condition(query)

    def lets_pass(self, event: EventView) -> bool:
        """See `EventFilter`."""
        event.begin()
        return self._holds(event)


def is_of_events(field: Field) -> bool:
    """Tell whether a field can have a value before there is an attempt.

    One with wildcards can if any of those that it covers can; it then means these only.

    >>> is_of_events("data.data.sku"), is_of_events("http_status"), is_of_events(None)
    (True, False, True)
    """
    below = f"{EVENT}."
    if field is None:
        return True
    if isinstance(field, str):
        return field in OWN_FIELDS or field.startswith(below)
    start = field.parts[0] if isinstance(field.parts[0], str) else ""
    if start.startswith(below) or below.startswith(start):
        return True
    return any(map(matcher(field.parts), OWN_FIELDS))


def leaves_of(query: Query) -> Sequence[Query]:
    """Return the parts of a query that ask for a value, or whether there is one."""
    match query:
        case BooleanQuery():
            parts = (*query.must, *query.should, *query.must_not)
            return [leaf for one in parts for leaf in leaves_of(one)]
        case MatchAll() | MatchNone():
            return []
    return [query]


def weight(query: Query) -> int:
    """Return how much an event has to be looked through for a query: see `MAX_WEIGHT`."""
    return sum(map(_weight, leaves_of(query)))


def field_of(leaf: Query) -> Field:
    """Return the field that a part of `leaves_of` names, None for the default ones."""
    match leaf:
        case (
            TermQuery()
            | PhraseQuery()
            | ExactQuery()
            | WildcardQuery()
            | RegexQuery()
            | FuzzyQuery()
            | RangeQuery()
            | ExistsQuery()
        ):
            return leaf.field
    raise TypeError(f"no query: {leaf!r}")


def _weight(leaf: Query) -> int:
    if isinstance(field_of(leaf), str):
        return 0
    return 5 if isinstance(leaf, WildcardQuery | RegexQuery | FuzzyQuery) else 1


def _condition(query: Query) -> Condition:
    match query:
        case MatchAll():
            return lambda event: True
        case MatchNone():
            return lambda event: False
        case BooleanQuery():
            return _boolean(query)
        case ExistsQuery():
            return _exists(_checked(query.field))
    return _any_value(_checked(field_of(query)), value_test(query), _effort(query))


def _checked(field: Field) -> Field:
    if not is_of_events(field):
        raise ValueError(f"no field of an event: {field!r}")
    return field


def _boolean(query: BooleanQuery) -> Condition:
    # Beside what must be, what may be excludes nothing.
    optional = () if query.must else query.should
    must, should, must_not = (
        [_condition(one) for one in some] for some in (query.must, optional, query.must_not)
    )
    # What makes no difference is looked at all the same: its fields have to be those of events.
    for one in query.should if query.must else ():
        _condition(one)

    def holds(event: EventView) -> bool:
        for one in must:
            if not one(event):
                return False
        for one in must_not:
            if one(event):
                return False
        for one in should:
            if one(event):
                return True
        return not should

    return holds


def _any_value(field: Field, test: ValueTest, effort: int) -> Condition:
    """Return whether any value of a field meets a test; `effort` is that of one of its words.

    0 is the effort where words are looked for in the text as a whole.
    """
    if isinstance(field, Pattern):
        covers = _remembered(field)

        def holds_somewhere(event: EventView) -> bool:
            found = event.all()
            event.spend(found.heavy * effort or found.light)
            return any(test(one) for path, one in event.leaves() if covers(path))

        return holds_somewhere
    path = None if field is None else Path(field)

    def holds(event: EventView) -> bool:
        found = event.default() if path is None else event.at(path)
        event.spend(found.heavy * effort or found.light)
        return any(map(test, found.values))

    return holds


def _effort(query: Query) -> int:
    """Return how long a word takes, beside how long a value takes that is looked at as a whole."""
    match query:
        case FuzzyQuery():
            return 50
        case WildcardQuery() | RegexQuery():
            return 20
    return 0


def _exists(field: Field) -> Condition:
    if isinstance(field, Pattern):
        covers = _remembered(field)

        def holds(event: EventView) -> bool:
            event.spend(event.all().light * _OF_NAMES)
            return any(
                covers(name) for path, _ in event.leaves() for name in with_those_above(path)
            )

        return holds
    path = Path(field or "")

    def leads(event: EventView) -> bool:
        found, looked = path.leads_somewhere(event.event)
        event.spend(looked)
        return found

    return leads


def _remembered(pattern: Pattern) -> Callable[[str], bool]:
    """Return what tells whether a pattern covers a path: events of a kind have the same paths."""
    return functools.lru_cache(_PATHS_KEPT)(matcher(pattern.parts))

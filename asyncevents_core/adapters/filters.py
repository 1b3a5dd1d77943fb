"""Filters that are queries in Lucene's syntax, and those of CloudEvents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from asyncevents_core.adapters.lucene import Lucene, parse_query
from asyncevents_core.adapters.lucene.texts import EscapeError, parts
from asyncevents_core.domain.filtering.by_query import (
    MAX_WEIGHT,
    QueryFilter,
    is_of_events,
    weight,
)
from asyncevents_core.domain.filtering.cesql.doubts import doubts_of
from asyncevents_core.domain.filtering.event_filter import EventFilter
from asyncevents_core.domain.filtering.paths import MAX_LEVELS
from asyncevents_core.domain.filtering.reading import expressions_in, read_filters
from asyncevents_core.domain.filtering.stored import FilterSource, canonical
from asyncevents_core.domain.query.doubts import Doubt
from asyncevents_core.domain.query.fields import FIELDS, matches
from asyncevents_core.domain.query.fields import canonical as path_of
from asyncevents_core.domain.query.nodes import Pattern, Query
from asyncevents_core.errors import InvalidFilter, InvalidQuery, MissingExtra
from asyncevents_core.ports.filters import FilterCompiler

_ONCE: Final = 946_684_800_000_000
_LATER: Final = 64_060_588_800_000_000
"""Two instants, the years 2000 and 4000: what depends on the time differs between them."""
_NOW: Final = (re.compile(r"(?<![\w.])now(?=[+/-])"), re.compile(r"(?<![\w.])now(?![\w.])"))
_WILD: Final = re.compile(r'^[^"].*?(?<!\\)[*?]|^[*?].', re.DOTALL)
_EXISTS: Final = "_exists_"
MAX_PATTERNS: Final = 50
"""Values, and names of fields, with placeholders; and regular expressions."""
_FIELD: Final = "a field of the event: event_name, tenant, event_id, or data.… for the payload"
_TOO_HEAVY: Final = (
    f"at most {MAX_WEIGHT} conditions may look through the whole event, where one with * ? / ~ "
    "counts for five: name the fields, as in data.sku:A-1*"
)


class Filters(FilterCompiler):
    """Compiles both kinds. Queries need the extra `search`, with which their parser comes."""

    def compile(self, source: FilterSource) -> EventFilter:
        """See `FilterCompiler`."""
        source = canonical(source)
        return _query_filter(source) if isinstance(source, str) else read_filters(source)

    def doubts(self, source: FilterSource) -> Sequence[Doubt]:
        """See `FilterCompiler`."""
        source = canonical(source)
        self.compile(source)
        if isinstance(source, str):
            return Lucene().doubts(source)
        return [doubt for text in expressions_in(source) for doubt in doubts_of(text)]


def _query_filter(text: str) -> EventFilter:
    query = _parsed(text)
    if weight(query) > MAX_WEIGHT:
        raise InvalidFilter(_TOO_HEAVY)
    return QueryFilter(query)


def _parsed(text: str) -> Query:
    try:
        # The parser is asked for first: it says what is missing where it is not installed.
        parse_query("*:*")
        _check_patterns(text)
        _check_names(text)
        query = parse_query(text, now=_ONCE)
        # An escape may stand for any letter.
        if ("now" in text or "\\" in text) and query != parse_query(text, now=_LATER):
            raise _depends_on_time(text)
    except MissingExtra as error:
        raise MissingExtra("a filter that is a query", extra="search") from error
    except InvalidQuery as error:
        found = f", found {error.found}" if error.found else ""
        # The search would name fields of attempts.
        expected = _FIELD if error.expected.startswith("a field") else error.expected
        raise InvalidFilter(
            f"expected {expected}{found}", source=text, position=error.position
        ) from error
    return query


def _depends_on_time(text: str) -> InvalidFilter:
    places = (found.start() for one in _NOW if (found := one.search(text)))
    return InvalidFilter(
        "expected a date that stands still, such as 2026-11-23: a filter gives the same answer "
        "whenever an event is looked at, so it knows no “now”",
        source=text,
        position=next(places, 0),
    )


def _check_patterns(text: str) -> None:
    """Refuse many patterns and expressions: what each of them asks for takes a while to work out.

    Raises `InvalidQuery` for a text that cannot be cut into tokens.
    """
    found = [start for raw, start in _tokens(text) if raw[:1] == "/" or _WILD.search(raw)]
    if len(found) > MAX_PATTERNS:
        raise InvalidFilter(
            f"expected at most {MAX_PATTERNS} values with * ? or /…/",
            source=text,
            position=found[MAX_PATTERNS],
        )


def _check_names(text: str) -> None:
    """Refuse fields that no event has, as there is no attempt yet, and those that are too deep.

    Raises `InvalidQuery` for a text that cannot be cut into tokens.
    """
    for name, position in _names(text):
        try:
            field = parts(name)
        except EscapeError:
            # Which the parser explains.
            return
        if isinstance(field, Pattern):
            of_attempts, instead = _covers_attempts(field), ""
        else:
            of_attempts, instead = path_of(field) in FIELDS, f"; of the payload it is data.{name}"
            if path_of(field).count(".") >= MAX_LEVELS:
                expected = f"expected a field of at most {MAX_LEVELS} levels"
                raise InvalidFilter(expected, source=text, position=position)
        if of_attempts and not is_of_events(
            field if isinstance(field, Pattern) else path_of(field)
        ):
            raise InvalidFilter(
                f"expected {_FIELD}; {name} belongs to an attempt, and there is none yet when an "
                f"event is filtered{instead}",
                source=text,
                position=position,
            )


def _covers_attempts(pattern: Pattern) -> bool:
    return any(matches(pattern, name) for name in FIELDS)


def _names(text: str) -> Sequence[tuple[str, int]]:
    """Return the names of fields in a text as they are written, and where."""
    tokens = _tokens(text)
    found = list[tuple[str, int]]()
    for number, (raw, _) in enumerate(tokens):
        if raw != ":" or number == 0:
            continue
        name, start = tokens[number - 1]
        if name == _EXISTS and number + 1 < len(tokens):
            name, start = tokens[number + 1]
        if name.startswith('"'):
            found.append((name[1:-1], start))
        else:
            found.append((name.replace("\\*", "*").replace("\\?", "?"), start))
    return found


def _tokens(text: str) -> Sequence[tuple[str, int]]:
    """Return the tokens of a text as they are written, and where."""
    from asyncevents_core.adapters.lucene.lexer import Lexer

    lexer = Lexer(text)
    tokens = iter(lexer.token, None)
    return [(text[one.lexpos : one.lexpos + one.value.size], one.lexpos) for one in tokens]

"""How a query is read, in words: for whoever is about to act on what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from asyncevents_core.domain.query.fields import FIELDS, OTHER_NAMES
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
    Wild,
    WildcardQuery,
)

_INDENT: Final = "  "
_DEFAULT: Final = "event_name, uuid or anything in the payload"


def explained(query: Query) -> Sequence[str]:
    """Return the lines that say what a query finds.

    >>> explained(TermQuery(field="success", text="false"))
    ['success is “false”']
    """
    return list(_lines(query))


def fields_of(query: Query) -> set[str]:
    """Return the fields below ``data.`` that a query names, without those with wildcards."""
    if isinstance(query, BooleanQuery):
        parts = (*query.must, *query.should, *query.must_not)
        return {name for one in parts for name in fields_of(one)}
    field = getattr(query, "field", None)
    return {field} if isinstance(field, str) and field not in FIELDS else set()


def _lines(query: Query) -> Iterator[str]:
    if not isinstance(query, BooleanQuery):
        yield _leaf(query)
        return
    for title, parts in (
        ("all of", query.must),
        ("none of" if query.must or query.should else "everything but", query.must_not),
        # Beside what must be, it excludes nothing.
        ("any of these or none" if query.must else "at least one of", query.should),
    ):
        if not parts:
            continue
        yield f"{title}:"
        for one in parts:
            yield from (_INDENT + line for line in _lines(one))


def _leaf(query: Query) -> str:
    match query:
        case MatchAll():
            return "every attempt"
        case MatchNone():
            return "nothing"
        case TermQuery():
            return f"{_field(query.field)} is “{query.text}”"
        case PhraseQuery():
            moved = f", moved by {_counted(query.slop, 'place')} at most" if query.slop else ""
            return f"{_field(query.field)} has the words “{query.text}”{moved}"
        case ExactQuery():
            return f"{_field(query.field)} is exactly “{query.text}”"
        case WildcardQuery():
            return f"{_field(query.field)} has the form “{_pattern(query.pattern)}”"
        case RegexQuery():
            return f"{_field(query.field)} matches the regular expression /{query.text}/"
        case FuzzyQuery():
            letters = _counted(query.distance, "letter")
            return f"{_field(query.field)} has a word like “{query.word}” ({letters})"
        case RangeQuery():
            return f"{_field(query.field)} is {_range(query)}"
        case ExistsQuery():
            return f"{_field(query.field)} has a value"
    raise TypeError(f"no such query: {type(query).__name__}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _range(query: RangeQuery) -> str:
    parts = []
    if query.lower is not None:
        parts.append(f"{'from' if query.lower.inclusive else 'above'} “{query.lower.text}”")
    if query.upper is not None:
        parts.append(f"{'to' if query.upper.inclusive else 'below'} “{query.upper.text}”")
    return " ".join(parts)


def _field(field: Field) -> str:
    if field is None:
        return _DEFAULT
    if not isinstance(field, str):
        return _pattern(field)
    # As the log calls it.
    return "event_id" if field == OTHER_NAMES["event_id"] else field


def _pattern(pattern: Pattern) -> str:
    return "".join(one.value if isinstance(one, Wild) else one for one in pattern.parts)

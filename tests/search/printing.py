"""Writes a query as Lucene text. Parsing it again gives an equal query."""

from __future__ import annotations

import re
from typing import Final

from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
    Bound,
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

_SPECIAL: Final = re.compile(r'[\s+\-!():^\[\]"{}~*?\\/<>&|=]')
_RESERVED: Final = frozenset({"AND", "OR", "NOT", "TO"})


def print_query(query: Query) -> str:
    """Return the text of a query that `parse_query` returned.

    Boolean queries are written with ``+`` and ``-``, which mean the same at every place.
    """
    return _clauses(query) if isinstance(query, BooleanQuery) else _print(query)


def _clauses(query: BooleanQuery) -> str:
    marked = (("+", query.must), ("", query.should), ("-", query.must_not))
    return " ".join(f"{mark}{_print(one)}" for mark, clauses in marked for one in clauses)


def _print(query: Query) -> str:
    match query:
        case BooleanQuery():
            return f"({_clauses(query)})"
        case MatchAll():
            return "*:*"
        case MatchNone():
            return "(-*:*)"
        case TermQuery():
            return _field(query.field) + (_escaped(query.text) or '""')
        case PhraseQuery():
            slop = f"~{query.slop}" if query.slop else ""
            return f"{_field(query.field)}{_quoted(query.text)}{slop}"
        case WildcardQuery():
            return _field(query.field) + _pattern(query.pattern)
        case RegexQuery():
            return f"{_field(query.field)}/{query.text}/"
        case FuzzyQuery():
            return f"{_field(query.field)}{_escaped(query.word)}~{query.distance}"
        case RangeQuery():
            return _field(query.field) + _range(query)
        case ExistsQuery():
            name = query.field
            return "_exists_:" + (_escaped(name) if isinstance(name, str) else _pattern(name))
    raise TypeError(f"no query: {query!r}")


def _field(field: Field) -> str:
    if field is None:
        return ""
    return f"{_escaped(field) if isinstance(field, str) else _pattern(field)}:"


def _pattern(pattern: Pattern) -> str:
    return "".join(
        one.value if isinstance(one, Wild) else _SPECIAL.sub(r"\\\g<0>", one)
        for one in pattern.parts
    )


def _range(query: RangeQuery) -> str:
    lower, upper = query.lower, query.upper
    opening = "[" if lower is None or lower.inclusive else "{"
    closing = "]" if upper is None or upper.inclusive else "}"
    return f"{opening}{_bound(lower)} TO {_bound(upper)}{closing}"


def _bound(bound: Bound | None) -> str:
    return "*" if bound is None else _quoted(bound.text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\g<0>", text)
    return f"\\{escaped}" if text in _RESERVED else escaped

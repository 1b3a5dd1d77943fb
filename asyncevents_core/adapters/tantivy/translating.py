"""From a query to tantivy's query objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import tantivy

from asyncevents_core.adapters.tantivy.automata import alternatives, of_pattern, rendered
from asyncevents_core.adapters.tantivy.documents import (
    LEAF,
    PATH,
    VALUE,
    WORD,
    WORD_AT,
    safe_path,
)
from asyncevents_core.adapters.tantivy.keys import (
    LONGEST,
    TEXT,
    US,
    date_key,
    number_key,
    separated,
    text_key,
)
from asyncevents_core.adapters.tantivy.ranges import between, covering
from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.distance import within
from asyncevents_core.domain.query.fields import (
    DEFAULT_FIELDS,
    FIELDS,
    PAYLOAD,
    FieldKind,
    matches,
)
from asyncevents_core.domain.query.nodes import (
    BooleanQuery,
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
from asyncevents_core.domain.query.phrases import (
    MAX_ARRANGEMENTS,
    arrangements,
    arrangements_of,
)
from asyncevents_core.domain.query.readings import (
    date_bounds,
    number_bounds,
    number_of,
    span_of,
)
from asyncevents_core.domain.query.words import fold, words
from asyncevents_core.errors import InvalidQuery

_LARGEST: Final = 2**63 - 1
_PRESENT: Final = frozenset(name for name, kind in FIELDS.items() if kind is not FieldKind.TEXT) | {
    "uuid",
    "event_name",
}
_DEFAULT: Final = Pattern((f"{PAYLOAD}.", Wild.ANY))
_SMALLER: Final = (
    "a shorter pattern, or a shorter bound of a range: this one is more than the embedded index "
    "can search for"
)
_SEPARATOR: Final = regex.Chars(((US, US),))


class Translator:
    """Translates queries for one state of the index, whose terms `searcher` knows."""

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher) -> None:
        self._schema = schema
        self._searcher = searcher

    def translate(self, query: Query) -> tantivy.Query:
        """Return a tantivy query. Raises `InvalidQuery` where an expression is too large."""
        match query:
            case MatchAll():
                return tantivy.Query.all_query()
            case MatchNone():
                return tantivy.Query.empty_query()
            case BooleanQuery():
                return self._boolean(query)
            case TermQuery():
                return self._term(query.field, query.text, 0)
            case PhraseQuery():
                return self._term(query.field, query.text, query.slop)
            case WildcardQuery():
                return self._wildcard(query)
            case RegexQuery():
                node = regex.parse(query.text)
                return self._any(
                    [self._whole(query.field, node), self._single_word(query.field, node)]
                )
            case FuzzyQuery():
                return self._fuzzy(query)
            case RangeQuery():
                return self._range(query)
            case ExistsQuery():
                return self._exists(query.field)
        raise TypeError(f"no query: {query!r}")

    def _boolean(self, query: BooleanQuery) -> tantivy.Query:
        must, must_not, should = tantivy.Occur.Must, tantivy.Occur.MustNot, tantivy.Occur.Should
        clauses = [(must, self.translate(one)) for one in query.must]
        if not query.must:
            # Beside what must match, the rest would only change scores, which nobody asks for.
            clauses += [(should, self.translate(one)) for one in query.should]
        if not clauses:
            clauses.append((must, tantivy.Query.all_query()))
        clauses += [(must_not, self.translate(one)) for one in query.must_not]
        return tantivy.Query.boolean_query(clauses)

    def _any(self, options: Iterable[tantivy.Query | None]) -> tantivy.Query:
        found = [one for one in options if one is not None]
        if len(found) == 1:
            return found[0]
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, one) for one in found])

    def _wildcard(self, query: WildcardQuery) -> tantivy.Query:
        parts = query.pattern.parts
        folded = Pattern(tuple(fold(one) if isinstance(one, str) else one for one in parts))
        whole = self._whole(query.field, of_pattern(query.pattern))
        if not _could_be_a_word(folded):
            return whole
        return self._any([whole, self._single_word(query.field, of_pattern(folded))])

    def _term(self, field: Field, text: str, slop: int) -> tantivy.Query:
        if isinstance(field, str) and FIELDS.get(field) is FieldKind.INTEGER:
            return tantivy.Query.term_query(self._schema, field, int(text))
        options = [self._key(field, text_key(text)), self._words(field, words(text), slop)]
        number = number_of(text)
        if number is not None:
            options.append(self._key(field, number_key(number).exact))
        span = span_of(text)
        if span is not None:
            covered = covering(date_key(span.start), date_key(span.end), below=True)
            options.append(self._keys(field, covered))
        return self._any(options)

    def _key(self, field: Field, key: str) -> tantivy.Query:
        """Return the query for one term of whole values."""
        if field is None:
            return tantivy.Query.term_query(self._schema, VALUE, key)
        if isinstance(field, str):
            return tantivy.Query.term_query(self._schema, LEAF, f"{safe_path(field)}{US}{key}")
        return self._matching(LEAF, regex.Sequence((_path(field), regex.literal(key))))

    def _keys(self, field: Field, node: regex.Node | None) -> tantivy.Query | None:
        """Return the query for terms of whole values that are found by path only."""
        if node is None:
            return None
        return self._matching(LEAF, regex.Sequence((_path(field), node)))

    def _whole(self, field: Field, node: regex.Node) -> tantivy.Query:
        text = regex.Sequence((regex.literal(TEXT), node))
        if field is None:
            return self._matching(VALUE, text)
        return self._matching(LEAF, regex.Sequence((_path(field), text)))

    def _single_word(self, field: Field, node: regex.Node) -> tantivy.Query:
        if field is None:
            return self._matching(WORD, node)
        return self._matching(WORD_AT, regex.Sequence((_path(field), node)))

    def _matching(self, name: str, node: regex.Node) -> tantivy.Query:
        try:
            return tantivy.Query.regex_query(self._schema, name, rendered(node))
        except ValueError as error:
            # The library limits the size of one automaton: so it becomes several.
            parts = alternatives(node)
            if len(parts) < 2:
                raise InvalidQuery("", 0, _SMALLER) from error
        half = len(parts) // 2
        return self._any(
            self._matching(name, regex.Choice(tuple(some))) for some in (parts[:half], parts[half:])
        )

    def _words(self, field: Field, found: Sequence[str], slop: int) -> tantivy.Query | None:
        if not found:
            return None
        if field is None and (len(found) == 1 or slop == 0):
            return self._sequence(WORD, found, slop)
        if isinstance(field, str):
            return self._sequence(WORD_AT, _at(field, found), slop)
        if len(found) == 1:
            return self._single_word(field, regex.literal(found[0]))
        return self._any(
            self._sequence(WORD_AT, _at(path, found), slop) for path in self._paths(field, found)
        )

    def _sequence(self, name: str, terms: Sequence[str], slop: int) -> tantivy.Query:
        if len(terms) == 1:
            return tantivy.Query.term_query(self._schema, name, terms[0])
        if arrangements_of(len(terms), slop) > MAX_ARRANGEMENTS:
            raise InvalidQuery("", 0, "a smaller distance for so many words")
        # tantivy's own slop counts otherwise than Lucene's with more than two words.
        return self._any(
            tantivy.Query.phrase_query(self._schema, name, list(zip(places, terms, strict=True)))
            for places in arrangements(len(terms), slop)
        )

    def _paths(self, field: Field, found: Sequence[str]) -> list[str]:
        """Return the paths that a field without a single path covers and that hold all words."""
        if isinstance(field, str):
            return [field]
        pattern = _DEFAULT if field is None else _safe(field)
        start = pattern.parts[0] if isinstance(pattern.parts[0], str) else ""
        known = self._searcher.terms_with_prefix(PATH, start)
        paths = [path for path, _ in known if matches(pattern, path)]
        if field is None:
            paths.extend(DEFAULT_FIELDS)
        return [
            path
            for path in paths
            if all(self._searcher.doc_freq(WORD_AT, term) for term in _at(path, found))
        ]

    def _fuzzy(self, query: FuzzyQuery) -> tantivy.Query:
        if query.field is None:
            return tantivy.Query.fuzzy_term_query(
                self._schema, WORD, query.word, query.distance, transposition_cost_one=True
            )
        # An automaton over path and word would forgive slips in the path too.
        terms: list[str] = []
        for path in self._paths(query.field, ()):
            start = f"{safe_path(path)}{US}"
            for term, _ in self._searcher.terms_with_prefix(WORD_AT, start):
                if within(query.word, term[len(start) :], query.distance):
                    terms.append(term)
        if not terms:
            return tantivy.Query.empty_query()
        return tantivy.Query.term_set_query(self._schema, WORD_AT, terms)

    def _range(self, query: RangeQuery) -> tantivy.Query:
        field = query.field
        kind = FIELDS.get(field, FieldKind.TEXT) if isinstance(field, str) else FieldKind.TEXT
        if kind in {FieldKind.DATE, FieldKind.INTEGER}:
            return self._fast_range(query, kind)
        numbers, dates = number_bounds(query), date_bounds(query)
        above = query.lower is not None and not query.lower.inclusive
        below = query.upper is not None and not query.upper.inclusive
        options: list[tantivy.Query | None] = []
        if numbers is not None:
            low, high = (None if one is None else number_key(one) for one in numbers)
            options.append(self._keys(field, covering(low, high, above=above, below=below)))
        if dates is not None:
            low, high = (None if one is None else date_key(one) for one in dates)
            options.append(self._keys(field, covering(low, high, below=True)))
        if numbers is None and dates is None:
            options.append(self._text_range(query, above=above, below=below))
        return self._any(options)

    def _text_range(self, query: RangeQuery, *, above: bool, below: bool) -> tantivy.Query | None:
        lower, upper = (
            None if one is None else separated(one.text)[:LONGEST]
            for one in (query.lower, query.upper)
        )
        node = between(lower, upper, above=above, below=below)
        return None if node is None else self._whole(query.field, node)

    def _fast_range(self, query: RangeQuery, kind: FieldKind) -> tantivy.Query:
        lower: int | None
        upper: int | None
        if kind is FieldKind.DATE:
            lower, upper = date_bounds(query) or (None, None)
            upper = None if upper is None else upper - 1
        else:
            lower = None if query.lower is None else int(query.lower.text)
            upper = None if query.upper is None else int(query.upper.text)
            if lower is not None and query.lower is not None and not query.lower.inclusive:
                lower += 1
            if upper is not None and query.upper is not None and not query.upper.inclusive:
                upper -= 1
        return tantivy.Query.range_query(
            self._schema,
            str(query.field),
            tantivy.FieldType.Integer,
            -_LARGEST if lower is None else lower,
            _LARGEST if upper is None else upper,
        )

    def _exists(self, field: str | Pattern) -> tantivy.Query:
        if isinstance(field, Pattern):
            if any(matches(field, name) for name in _PRESENT):
                return tantivy.Query.all_query()
            return self._matching(PATH, of_pattern(_safe(field)))
        if field in _PRESENT:
            return tantivy.Query.all_query()
        return tantivy.Query.term_query(self._schema, PATH, safe_path(field))


def _at(path: str, found: Sequence[str]) -> list[str]:
    start = safe_path(path) + US
    return [start + word for word in found]


def _safe(pattern: Pattern) -> Pattern:
    return Pattern(tuple(safe_path(one) if isinstance(one, str) else one for one in pattern.parts))


def _path(field: Field) -> regex.Node:
    """Return the beginning of terms by path, the separator included."""
    if field is None:
        below = regex.Sequence((regex.literal(f"{PAYLOAD}."), regex.ANYTHING))
        names = (regex.literal("event_name"), regex.literal("uuid"), regex.literal(PAYLOAD), below)
        return regex.Sequence((regex.Choice(names), _SEPARATOR))
    path = regex.literal(safe_path(field)) if isinstance(field, str) else of_pattern(_safe(field))
    return regex.Sequence((path, _SEPARATOR))


def _could_be_a_word(pattern: Pattern) -> bool:
    """Tell whether literal parts are of what words are made of: a quick no for most others."""
    return all(
        not isinstance(one, str) or not one.isascii() or one.isalnum() for one in pattern.parts
    )

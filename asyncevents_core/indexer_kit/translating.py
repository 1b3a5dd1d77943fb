"""From a query to an engine's queries over terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Generic

from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.dates import span
from asyncevents_core.domain.query.fields import (
    DEFAULT_FIELDS,
    FIELDS,
    NUMBERS,
    PAYLOAD,
    PRESENT,
    FieldKind,
    matches,
)
from asyncevents_core.domain.query.folding import folded, folded_pattern, without_stars
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
from asyncevents_core.domain.query.phrases import MAX_ARRANGEMENTS, arrangements_of
from asyncevents_core.domain.query.readings import (
    date_bounds,
    number_bounds,
    number_in,
    number_of,
)
from asyncevents_core.domain.query.words import MAX_WORD, fold, words_of_folded
from asyncevents_core.errors import InvalidQuery
from asyncevents_core.indexer_kit.automata import of_pattern
from asyncevents_core.indexer_kit.edits import almost
from asyncevents_core.indexer_kit.keys import (
    LONGEST,
    TEXT,
    US,
    date_key,
    exact_key,
    number_key,
    separated,
    text_key,
)
from asyncevents_core.indexer_kit.leaves import LEAF, PATH, VALUE, WORD, WORD_AT, safe_path
from asyncevents_core.indexer_kit.making import Q, QueryMaker
from asyncevents_core.indexer_kit.ranges import between, covering

_DEFAULT: Final = Pattern((f"{PAYLOAD}.", Wild.ANY))
_SEPARATOR: Final = regex.Chars(((US, US),))


class Translator(Generic[Q]):
    """Translates queries, with what an engine brings along."""

    def __init__(self, maker: QueryMaker[Q]) -> None:
        self._maker = maker

    def translate(self, query: Query) -> Q:
        """Return the engine's query. Raises `InvalidQuery` for what the engine cannot do."""
        match query:
            case MatchAll():
                return self._maker.everything()
            case MatchNone():
                return self._maker.nothing()
            case BooleanQuery():
                return self._boolean(query)
            case TermQuery():
                return self._term(query.field, query.text, 0)
            case PhraseQuery():
                return self._term(query.field, query.text, query.slop)
            case ExactQuery():
                return self._key(query.field, exact_key(query.text))
            case WildcardQuery():
                return self._wildcard(query)
            case RegexQuery():
                node = folded(regex.parse(query.text))
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

    def _boolean(self, query: BooleanQuery) -> Q:
        must = [self.translate(one) for one in query.must]
        # Beside what must match, the rest would only change scores, which nobody asks for.
        should = [] if must else [self.translate(one) for one in query.should]
        if not must and not should:
            must.append(self._maker.everything())
        return self._maker.boolean(must, should, [self.translate(one) for one in query.must_not])

    def _any(self, options: Iterable[Q | None]) -> Q:
        found = [one for one in options if one is not None]
        if not found:
            return self._maker.nothing()
        return found[0] if len(found) == 1 else self._maker.boolean([], found, [])

    def _wildcard(self, query: WildcardQuery) -> Q:
        pattern = folded_pattern(query.pattern)
        node, text = of_pattern(pattern), without_stars(query.pattern)
        options = [self._whole(query.field, node)]
        if _could_be_a_word(pattern):
            options.append(self._single_word(query.field, node))
        if text is not None:
            options.append(self._term(query.field, text, 0))
        return self._any(options)

    def _term(self, field: Field, text: str, slop: int) -> Q:
        if isinstance(field, str) and field in NUMBERS:
            wanted = number_in(field, text)
            return self._maker.between(field, wanted, wanted)
        whole = fold(text)
        options = [
            self._key(field, text_key(whole)),
            self._words(field, words_of_folded(whole), slop),
        ]
        number = number_of(text)
        if number is not None:
            options.append(self._key(field, number_key(number).exact))
        dates = span(text)
        if dates is not None:
            covered = covering(date_key(dates.start), date_key(dates.end), below=True)
            options.append(self._keys(field, covered))
        return self._any(options)

    def _key(self, field: Field, key: str) -> Q:
        """Return the query for one term of whole values."""
        if field is None:
            return self._maker.term(VALUE, key)
        if isinstance(field, str):
            return self._maker.term(LEAF, f"{safe_path(field)}{US}{key}")
        return self._maker.matching(LEAF, regex.Sequence((_path(field), regex.literal(key))))

    def _keys(self, field: Field, node: regex.Node | None) -> Q | None:
        """Return the query for terms of whole values that are found by path only."""
        if node is None:
            return None
        return self._maker.matching(LEAF, regex.Sequence((_path(field), node)))

    def _whole(self, field: Field, node: regex.Node) -> Q | None:
        if regex.shortest(node) > LONGEST:
            return None
        text = regex.Sequence((regex.literal(TEXT), node))
        if field is None:
            return self._maker.matching(VALUE, text)
        return self._maker.matching(LEAF, regex.Sequence((_path(field), text)))

    def _single_word(self, field: Field, node: regex.Node) -> Q | None:
        if regex.shortest(node) > MAX_WORD:
            return None
        if field is None:
            return self._maker.matching(WORD, node)
        return self._maker.matching(WORD_AT, regex.Sequence((_path(field), node)))

    def _words(self, field: Field, found: Sequence[str], slop: int) -> Q | None:
        if not found:
            return None
        if field is None and (len(found) == 1 or slop == 0 or self._maker.loose):
            return self._sequence(WORD, found, slop)
        if isinstance(field, str):
            return self._sequence(WORD_AT, _at(field, found), slop)
        if len(found) == 1:
            return self._single_word(field, regex.literal(found[0]))
        return self._any(
            self._sequence(WORD_AT, _at(path, found), slop) for path in self._paths(field, found)
        )

    def _sequence(self, name: str, terms: Sequence[str], slop: int) -> Q:
        if len(terms) == 1:
            return self._maker.term(name, terms[0])
        if arrangements_of(len(terms), slop) > MAX_ARRANGEMENTS:
            raise InvalidQuery("", 0, "a smaller distance for so many words")
        return self._maker.phrase(name, terms, slop)

    def _paths(self, field: Field, found: Sequence[str]) -> Sequence[str]:
        """Return the paths that a field covers and that hold all words, and maybe others."""
        if isinstance(field, str):
            return [field]
        if field is None:
            return [*self._maker.paths(_DEFAULT, found), *DEFAULT_FIELDS]
        return self._maker.paths(_safe(field), found)

    def _fuzzy(self, query: FuzzyQuery) -> Q:
        if query.field is None:
            return self._maker.fuzzy(WORD, "", query.word, query.distance)
        if isinstance(query.field, str):
            start = f"{safe_path(query.field)}{US}"
            return self._maker.fuzzy(WORD_AT, start, query.word, query.distance)
        # One question, however many paths there are.
        return self._any([self._single_word(query.field, almost(query.word, query.distance))])

    def _range(self, query: RangeQuery) -> Q:
        field = query.field
        if isinstance(field, str) and field in NUMBERS:
            return self._maker.between(field, *_number_span(query, field))
        numbers, dates = number_bounds(query), date_bounds(query)
        above = query.lower is not None and not query.lower.inclusive
        below = query.upper is not None and not query.upper.inclusive
        options: list[Q | None] = []
        if numbers is not None:
            low, high = (None if one is None else number_key(one) for one in numbers)
            options.append(self._keys(field, covering(low, high, above=above, below=below)))
        if dates is not None:
            low, high = (None if one is None else date_key(one) for one in dates)
            options.append(self._keys(field, covering(low, high, below=True)))
        if numbers is None and dates is None:
            options.append(self._text_range(query, above=above, below=below))
        return self._any(options)

    def _text_range(self, query: RangeQuery, *, above: bool, below: bool) -> Q | None:
        lower, upper = (
            None if one is None else separated(fold(one.text)) for one in (query.lower, query.upper)
        )
        # No text is kept that is longer: what is equal to the beginning of a bound is less.
        if lower is not None and len(lower) > LONGEST:
            lower, above = lower[:LONGEST], True
        if upper is not None and len(upper) > LONGEST:
            upper, below = upper[:LONGEST], False
        if query.field is None:
            return self._maker.texts(VALUE, TEXT, lower, upper, above=above, below=below)
        if isinstance(query.field, str):
            start = f"{safe_path(query.field)}{US}{TEXT}"
            return self._maker.texts(LEAF, start, lower, upper, above=above, below=below)
        node = between(lower, upper, above=above, below=below)
        return None if node is None else self._whole(query.field, node)

    def _exists(self, field: str | Pattern) -> Q:
        if isinstance(field, Pattern):
            if any(matches(field, name) for name in PRESENT):
                return self._maker.everything()
            numbers = [self._has(name) for name in NUMBERS if matches(field, name)]
            return self._any([self._maker.matching(PATH, of_pattern(_safe(field))), *numbers])
        if field in PRESENT:
            return self._maker.everything()
        return self._has(field) if field in NUMBERS else self._maker.term(PATH, safe_path(field))

    def _has(self, number: str) -> Q:
        return self._maker.between(number, None, None)


def _number_span(query: RangeQuery, field: str) -> tuple[int | None, int | None]:
    """Return the ends of a range of one of `NUMBERS`, both included; None for an open one."""
    if FIELDS[field] is FieldKind.DATE:
        start, end = date_bounds(query) or (None, None)
        return start, None if end is None else end - 1
    lower = None if query.lower is None else number_in(field, query.lower.text)
    upper = None if query.upper is None else number_in(field, query.upper.text)
    if lower is not None and query.lower is not None and not query.lower.inclusive:
        lower += 1
    if upper is not None and query.upper is not None and not query.upper.inclusive:
        upper -= 1
    return lower, upper


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

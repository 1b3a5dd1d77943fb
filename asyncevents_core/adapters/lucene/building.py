"""Turns luqum's tree into a query; fields and values are checked here."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from luqum.tree import (
    BaseGroup,
    BaseOperation,
    From,
    Fuzzy,
    Not,
    Phrase,
    Plus,
    Prohibit,
    Proximity,
    Range,
    Regex,
    SearchField,
    To,
    Word,
)

from asyncevents_core.adapters.lucene.booleans import clauses, combined, depth, stripped
from asyncevents_core.adapters.lucene.names import named_field
from asyncevents_core.adapters.lucene.texts import EscapeError, parts, unescape
from asyncevents_core.adapters.lucene.values import Values
from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.effort import is_too_much
from asyncevents_core.domain.query.folding import folded, folded_pattern
from asyncevents_core.domain.query.nodes import (
    MAX_SLOP,
    Bound,
    ExistsQuery,
    Field,
    FuzzyQuery,
    MatchAll,
    Pattern,
    Query,
    Wild,
)
from asyncevents_core.domain.query.phrases import MAX_ARRANGEMENTS, arrangements_of
from asyncevents_core.domain.query.words import words
from asyncevents_core.errors import InvalidQuery
from asyncevents_core.indexer_kit.automata import of_pattern

MAX_CLAUSES: Final = 1024
MAX_LEVELS: Final = 20
"""Elasticsearch takes 30 by default, of which each condition needs a few itself."""
MAX_FUZZY: Final = 20
"""Letters of a word with two edits, in fields with wildcards: what is asked grows cubically."""
_SIMPLER: Final = "fewer repetitions that overlap, such as “?” behind a “*”"
_EXISTS: Final = "_exists_"
_ANYTHING: Final = Pattern((Wild.ANY,))


class Builder:
    """Builds one query."""

    def __init__(self, text: str, *, now: int) -> None:
        self._text = text
        self._values = Values(self._wrong, now=now)
        self._clauses = 0

    def build(self, item: Any, field: Field = None) -> Query:
        """Return the query of a part of the tree, whose field is `field` unless it names one."""
        while isinstance(item, BaseGroup):
            item = item.expr
        if isinstance(item, BaseOperation | Plus | Prohibit | Not):
            return self._combined(item, field)
        self._clauses += 1
        if self._clauses > MAX_CLAUSES:
            self._wrong(item.pos, f"at most {MAX_CLAUSES:,} terms")
        if isinstance(item, SearchField):
            return self._in_field(item, field)
        return self._leaf(item, field)

    def _combined(self, item: Any, field: Field) -> Query:
        found = []
        for conjunct, operand in clauses(item):
            bare, required, prohibited = stripped(operand)
            found.append((conjunct, required, prohibited, self.build(bare, field)))
        query = combined(found)
        if depth(query) > MAX_LEVELS:
            self._wrong(item.pos or 0, f"at most {MAX_LEVELS} levels of AND, OR, NOT in each other")
        return query

    def _in_field(self, item: SearchField, field: Field) -> Query:
        inner = item.expr
        if isinstance(inner, SearchField):
            colon = inner.pos + len(inner.name)
            self._wrong(colon, "no second “:”; a value with one is put in quotes", "“:”")
        if isinstance(inner, Plus | Prohibit | Not):
            self._wrong(inner.pos, "a value; + - NOT stand before the field")
        if item.name == _EXISTS:
            return self._exists(inner)
        if item.name == "*" and isinstance(inner, Word) and inner.value == "*":
            return MatchAll()
        name = self._name(item.name, item.pos)
        return self.build(inner, named_field(name, item.pos, self._wrong, within=field))

    def _exists(self, item: Any) -> Query:
        if isinstance(item, Word):
            name = self._name(item.value, item.pos)
        elif isinstance(item, Phrase):
            name = self._unescaped(item)
        else:
            self._wrong(item.pos, "the name of a field")
        return ExistsQuery(field=named_field(name, item.pos, self._wrong, exists=True))

    def _leaf(self, item: Any, field: Field) -> Query:
        match item:
            case Word():
                return self._word(item, field)
            case Phrase():
                return self._values.phrase(field, self._unescaped(item), 0, item.pos)
            case Proximity():
                return self._proximity(item, field)
            case Fuzzy():
                return self._fuzzy(item, field)
            case Regex():
                return self._regex(item, field)
            case Range():
                lower = self._bound(item.low, item.include_low)
                upper = self._bound(item.high, item.include_high)
                return self._values.range(field, lower, upper, item.pos)
            case From():
                return self._values.range(field, self._bound(item.a, item.include), None, item.pos)
            case To():
                return self._values.range(field, None, self._bound(item.a, item.include), item.pos)
        raise TypeError(f"luqum returned {item!r}")

    def _word(self, item: Word, field: Field) -> Query:
        found = self._parts(item.value, item.pos)
        if isinstance(found, str):
            return self._values.term(field, found, item.pos)
        if found == _ANYTHING:
            return MatchAll() if field is None else ExistsQuery(field=field)
        self._check(of_pattern(folded_pattern(found)), item.pos)
        return self._values.wildcard(field, found, item.pos)

    def _proximity(self, item: Proximity, field: Field) -> Query:
        # luqum's degree of a bare ~ is 1, Lucene's 0.
        slop = 0 if item._implicit_degree else item.degree
        if slop > MAX_SLOP:
            self._wrong(item.pos + item.term.size + 1, f"at most {MAX_SLOP} places")
        text = self._unescaped(item.term)
        if arrangements_of(len(words(text)), slop) > MAX_ARRANGEMENTS:
            self._wrong(item.pos + item.term.size + 1, "fewer places for so many words")
        return self._values.phrase(field, text, slop, item.pos)

    def _fuzzy(self, item: Fuzzy, field: Field) -> Query:
        text = self._parts(item.term.value, item.pos)
        found = words(text) if isinstance(text, str) else []
        if len(found) != 1:
            self._wrong(item.pos, "a single word before “~”")
        word = found[0]
        if item._implicit_degree:
            # As Elasticsearch's AUTO.
            distance = 0 if len(word) < 3 else 1 if len(word) < 6 else 2
        elif item.degree < 1:
            # Before Lucene 4 it was a similarity.
            distance = 0 if not item.degree else int((1 - item.degree) * len(word))
        else:
            distance = int(item.degree)
        if distance > 1 and isinstance(field, Pattern) and len(word) > MAX_FUZZY:
            self._wrong(
                item.pos,
                f"a word of up to {MAX_FUZZY} letters, ~1, or a field without wildcards",
            )
        fuzzy = FuzzyQuery(field=field, word=word, distance=min(distance, 2))
        return self._values.text_only(fuzzy, field, item.pos)

    def _regex(self, item: Regex, field: Field) -> Query:
        text = item.value[1:-1]
        try:
            node = regex.parse(text)
        except regex.RegexError as error:
            self._wrong(item.pos + 1 + error.position, str(error))
        self._check(folded(node), item.pos)
        return self._values.regex(field, text, item.pos)

    def _bound(self, item: Any, inclusive: bool) -> Bound | None:
        if isinstance(item, Word):
            if item.value == "*":
                return None
            return Bound(text=self._unescaped_text(item.value, item.pos), inclusive=inclusive)
        return Bound(text=self._unescaped(item), inclusive=inclusive)

    def _unescaped(self, phrase: Phrase) -> str:
        return self._unescaped_text(phrase.value[1:-1], phrase.pos + 1)

    def _unescaped_text(self, raw: str, position: int) -> str:
        try:
            return unescape(raw)
        except EscapeError as error:
            self._wrong(position + error.position, str(error))

    def _name(self, raw: str, position: int) -> str | Pattern:
        # Lucene allows wildcards in the name of a field behind a backslash only: both mean one.
        found = self._parts(raw.replace("\\*", "*").replace("\\?", "?"), position)
        if isinstance(found, Pattern):
            self._check(of_pattern(found), position)
        return found

    def _check(self, node: regex.Node, position: int) -> None:
        """Refuse what is too much for one engine or the other."""
        if is_too_much(node):
            self._wrong(position, _SIMPLER)

    def _parts(self, raw: str, position: int) -> str | Pattern:
        try:
            return parts(raw)
        except EscapeError as error:
            self._wrong(position + error.position, str(error))

    def _wrong(self, position: int, expected: str, found: str = "") -> NoReturn:
        raise InvalidQuery(self._text, position, expected, found=found)

"""Questions about terms as tantivy's query objects."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import tantivy

from asyncevents_core.adapters.tantivy.documents import FAST_ONLY
from asyncevents_core.adapters.tantivy.expressions import rendered
from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.distance import within
from asyncevents_core.domain.query.fields import matches
from asyncevents_core.domain.query.nodes import Pattern
from asyncevents_core.domain.query.phrases import arrangements
from asyncevents_core.errors import InvalidQuery
from asyncevents_core.indexer_kit.automata import alternatives
from asyncevents_core.indexer_kit.keys import US
from asyncevents_core.indexer_kit.leaves import PATH, WORD_AT
from asyncevents_core.indexer_kit.making import QueryMaker
from asyncevents_core.indexer_kit.matching import Automaton, beginning
from asyncevents_core.indexer_kit.ranges import between

_LARGEST: Final = 2**63 - 1
_LONGEST_BOUND: Final = 100
"""Characters up to which the bounds of texts become an automaton, which grows with their square."""
_MOST_PARTS: Final = 16
_MOST_TERMS: Final = 500_000
"""Of so many different terms one is looked at after the other: a few seconds."""
_SMALLER: Final = (
    "a shorter pattern, one that begins with more letters, or a field without wildcards: this one "
    f"would be compared with more than {_MOST_TERMS:,} values"
)


class TantivyMaker(QueryMaker[tantivy.Query]):
    """Makes queries for one state of the index, whose terms `searcher` knows."""

    loose = False

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher) -> None:
        self._schema = schema
        self._searcher = searcher

    def everything(self) -> tantivy.Query:
        """See `QueryMaker`."""
        return tantivy.Query.all_query()

    def nothing(self) -> tantivy.Query:
        """See `QueryMaker`."""
        return tantivy.Query.empty_query()

    def boolean(
        self,
        must: Sequence[tantivy.Query],
        should: Sequence[tantivy.Query],
        must_not: Sequence[tantivy.Query],
    ) -> tantivy.Query:
        """See `QueryMaker`."""
        clauses = [(tantivy.Occur.Must, one) for one in must]
        clauses += [(tantivy.Occur.Should, one) for one in should]
        clauses += [(tantivy.Occur.MustNot, one) for one in must_not]
        return tantivy.Query.boolean_query(clauses)

    def term(self, name: str, term: str) -> tantivy.Query:
        """See `QueryMaker`."""
        return tantivy.Query.term_query(self._schema, name, term)

    def matching(self, name: str, node: regex.Node) -> tantivy.Query:
        """See `QueryMaker`."""
        parts = alternatives(node)
        size = -(-len(parts) // _MOST_PARTS)
        several = [
            regex.Choice(tuple(parts[start : start + size])) for start in range(0, len(parts), size)
        ]
        # The library limits the size of an automaton: a larger one becomes several.
        for nodes in ([node], several):
            with contextlib.suppress(ValueError):
                return self._any(
                    tantivy.Query.regex_query(self._schema, name, rendered(one)) for one in nodes
                )
        return self._looked_up(name, beginning(node), Automaton(node).matches)

    def _looked_up(self, name: str, start: str, wanted: Callable[[str], bool]) -> tantivy.Query:
        """Look at one term after the other, of those that begin with `start`."""
        known = self._searcher.terms_with_prefix(name, start, limit=_MOST_TERMS + 1)
        if len(known) > _MOST_TERMS:
            raise InvalidQuery("", 0, _SMALLER)
        terms = [term for term, _ in known if wanted(term)]
        return tantivy.Query.term_set_query(self._schema, name, terms) if terms else self.nothing()

    def phrase(self, name: str, terms: Sequence[str], slop: int) -> tantivy.Query:
        """See `QueryMaker`. tantivy's own slop counts otherwise with more than two words."""
        return self._any(
            tantivy.Query.phrase_query(self._schema, name, list(zip(places, terms, strict=True)))
            for places in arrangements(len(terms), slop)
        )

    def fuzzy(self, name: str, start: str, word: str, distance: int) -> tantivy.Query:
        """See `QueryMaker`."""
        if not start:
            return tantivy.Query.fuzzy_term_query(
                self._schema, name, word, distance, transposition_cost_one=True
            )
        # An automaton over path and word would forgive slips in the path too.
        known = (term for term, _ in self._searcher.terms_with_prefix(name, start))
        terms = [one for one in known if within(word, one[len(start) :], distance)]
        return tantivy.Query.term_set_query(self._schema, name, terms) if terms else self.nothing()

    def between(self, field: str, lower: int | None, upper: int | None) -> tantivy.Query:
        """See `QueryMaker`."""
        if lower is not None and lower == upper and field not in FAST_ONLY:
            return tantivy.Query.term_query(self._schema, field, lower)
        return tantivy.Query.range_query(
            self._schema,
            field,
            tantivy.FieldType.Integer,
            -_LARGEST if lower is None else lower,
            _LARGEST if upper is None else upper,
        )

    def texts(
        self,
        name: str,
        start: str,
        lower: str | None,
        upper: str | None,
        *,
        above: bool,
        below: bool,
    ) -> tantivy.Query:
        """See `QueryMaker`. tantivy has no ranges of terms."""
        node = between(lower, upper, above=above, below=below)
        if node is None:
            return self.nothing()
        if max(len(lower or ""), len(upper or "")) > _LONGEST_BOUND:
            first, last = start + (lower or ""), None if upper is None else start + upper
            return self._looked_up(
                name,
                start,
                lambda term: (
                    first <= term
                    and (last is None or term <= last)
                    and not (above and term == first)
                    and not (below and term == last)
                ),
            )
        return self.matching(name, regex.Sequence((regex.literal(start), node)))

    def paths(self, pattern: Pattern, words: Sequence[str]) -> Sequence[str]:
        """See `QueryMaker`."""
        start = pattern.parts[0] if isinstance(pattern.parts[0], str) else ""
        known = (path for path, _ in self._searcher.terms_with_prefix(PATH, start))
        return [
            path
            for path in known
            if matches(pattern, path)
            and all(self._searcher.doc_freq(WORD_AT, f"{path}{US}{word}") for word in words)
        ]

    def _any(self, options: Iterable[tantivy.Query]) -> tantivy.Query:
        found = list(options)
        return found[0] if len(found) == 1 else self.boolean([], found, [])

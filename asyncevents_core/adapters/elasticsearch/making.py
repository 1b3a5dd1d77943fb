"""Questions about terms in Elasticsearch's query language."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from asyncevents_core.adapters.elasticsearch.documents import (
    FAR,
    MAX_EXPRESSION,
    MICROSECONDS,
    fields_of_words,
)
from asyncevents_core.adapters.elasticsearch.expressions import rendered
from asyncevents_core.domain.query import regex
from asyncevents_core.domain.query.nodes import Pattern
from asyncevents_core.domain.query.phrases import arrangements
from asyncevents_core.errors import InvalidQuery
from asyncevents_core.indexer_kit.automata import of_pattern
from asyncevents_core.indexer_kit.keys import US
from asyncevents_core.indexer_kit.leaves import PATH, WORD_AT
from asyncevents_core.indexer_kit.making import QueryMaker

Clause = Mapping[str, Any]

SMALLER: Final = (
    "a shorter pattern, or a shorter bound of a range: this one is more than Elasticsearch can "
    "search for"
)
_LARGEST: Final = 2**63 - 1
_MAX_EXPRESSIONS: Final = 8
"""One question may become so many."""
_MAX_STATES: Final = 20_000
_MAX_PATHS: Final = 10_000
_BOTH: Final = (WORD_AT, FAR)


class ElasticMaker(QueryMaker[Clause]):
    """Makes queries. `search` sends a body and returns the answer: to learn which paths exist."""

    loose = True

    def __init__(self, search: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        self._search = search

    def everything(self) -> Clause:
        """See `QueryMaker`."""
        return {"match_all": {}}

    def nothing(self) -> Clause:
        """See `QueryMaker`."""
        return {"match_none": {}}

    def boolean(
        self, must: Sequence[Clause], should: Sequence[Clause], must_not: Sequence[Clause]
    ) -> Clause:
        """See `QueryMaker`."""
        made: dict[str, Any] = {}
        if must:
            made["filter"] = list(must)
        if should:
            made |= {"should": list(should), "minimum_should_match": 1}
        if must_not:
            made["must_not"] = list(must_not)
        return {"bool": made}

    def term(self, name: str, term: str) -> Clause:
        """See `QueryMaker`."""
        return self._any({"term": {one: {"value": term}}} for one in _fields(name, term))

    def matching(self, name: str, node: regex.Node) -> Clause:
        """See `QueryMaker`."""
        names = _BOTH if name == WORD_AT else (name,)
        texts = list(itertools.islice(_texts(node), _MAX_EXPRESSIONS + 1))
        if len(texts) > _MAX_EXPRESSIONS:
            raise InvalidQuery("", 0, SMALLER)
        return self._any(_regexp(one, text) for text in texts for one in names)

    def phrase(self, name: str, terms: Sequence[str], slop: int) -> Clause:
        """See `QueryMaker`."""
        return self._any(
            _far_phrase(terms, slop) if one == FAR else _phrase(one, terms, slop)
            for one in _fields(name, *terms)
        )

    def fuzzy(self, name: str, start: str, word: str, distance: int) -> Clause:
        """See `QueryMaker`."""
        about = {
            "value": start + word,
            "prefix_length": len(start),
            "fuzziness": distance,
            # All words, not the nearest few.
            "rewrite": "constant_score",
        }
        return self._any({"fuzzy": {one: about}} for one in _fields(name, start))

    def between(self, field: str, lower: int | None, upper: int | None) -> Clause:
        """See `QueryMaker`."""
        bounds = {
            "gte": -_LARGEST if lower is None else max(lower, -_LARGEST),
            "lte": _LARGEST if upper is None else min(upper, _LARGEST),
        }
        if bounds["gte"] > bounds["lte"]:
            return self.nothing()
        return {"range": {MICROSECONDS.get(field, field): bounds}}

    def texts(
        self,
        name: str,
        start: str,
        lower: str | None,
        upper: str | None,
        *,
        above: bool,
        below: bool,
    ) -> Clause:
        """See `QueryMaker`. Terms are in the order of their UTF-8, which is that of code points."""
        bounds = {"gt" if above and lower is not None else "gte": start + (lower or "")}
        if upper is None:
            bounds["lt"] = start[:-1] + chr(ord(start[-1]) + 1)
        else:
            bounds["lt" if below else "lte"] = start + upper
        return {"range": {name: bounds}}

    def paths(self, pattern: Pattern, words: Sequence[str]) -> Sequence[str]:
        """See `QueryMaker`. Those of the documents that have all words somewhere below it."""
        node = of_pattern(pattern)
        text = rendered(node)
        if len(text) > MAX_EXPRESSION:
            raise InvalidQuery("", 0, SMALLER)
        having = [
            self.matching(WORD_AT, regex.Sequence((node, regex.literal(US + one)))) for one in words
        ]
        asked = {"terms": {"field": PATH, "include": text, "size": _MAX_PATHS}}
        body = {"query": self.boolean(having, [], []), "size": 0, "aggs": {"paths": asked}}
        found = self._search(body).get("aggregations", {}).get("paths", {})
        if found.get("sum_other_doc_count"):
            expected = f"a pattern for fewer than {_MAX_PATHS:,} fields, or a single word"
            raise InvalidQuery("", 0, expected)
        return [one["key"] for one in found.get("buckets", ())]

    def _any(self, options: Iterable[Clause]) -> Clause:
        found = list(options)
        return found[0] if len(found) == 1 else self.boolean([], found, [])


def _fields(name: str, *terms: str) -> Sequence[str]:
    if name != WORD_AT:
        return (name,)
    start = terms[0].partition(US)[0] + US
    return fields_of_words(start)


def _texts(node: regex.Node) -> Iterator[str]:
    """Yield expressions, none too long, that match what one does: those of its options."""
    text = rendered(node)
    if len(text) <= MAX_EXPRESSION:
        yield text
        return
    options = _options(node)
    if len(options) < 2:
        raise InvalidQuery("", 0, SMALLER)
    half = len(options) // 2
    for some in (options[:half], options[half:]):
        yield from _texts(some[0] if len(some) == 1 else regex.Choice(tuple(some)))


def _options(node: regex.Node) -> Sequence[regex.Node]:
    match node:
        case regex.Choice():
            return node.options
        case regex.Sequence(parts=(*start, end)):
            return [regex.Sequence((*start, one)) for one in _options(end)]
    return [node]


def _regexp(name: str, text: str) -> Clause:
    about = {"value": text, "flags": "NONE", "max_determinized_states": _MAX_STATES}
    return {"regexp": {name: about}}


def _phrase(name: str, terms: Sequence[str], slop: int) -> Clause:
    return {"match_phrase": {name: {"query": " ".join(terms), "slop": slop}}}


def _far_phrase(terms: Sequence[str], slop: int) -> Clause:
    """Return a phrase over tokens that no analyzer takes apart."""
    ways = [_placed(terms, places) for places in arrangements(len(terms), slop)]
    return {"bool": {"should": ways, "minimum_should_match": 1}}


def _placed(terms: Sequence[str], places: Sequence[int]) -> Clause:
    clauses: list[Clause] = []
    at: int | None = None
    for place, term in sorted(zip(places, terms, strict=True)):
        if at is not None and place > at + 1:
            clauses.append({"span_gap": {FAR: place - at - 1}})
        clauses.append({"span_term": {FAR: term}})
        at = place
    return {"span_near": {"clauses": clauses, "slop": 0, "in_order": True}}

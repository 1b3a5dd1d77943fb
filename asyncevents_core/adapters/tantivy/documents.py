"""What is written of a document: its fields, and the terms of its leaves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Final

import tantivy
from attrs import frozen

from asyncevents_core.domain.query.fields import NUMBERS
from asyncevents_core.domain.query.leaves import Leaf
from asyncevents_core.domain.query.nodes import MAX_SLOP
from asyncevents_core.indexer_kit.leaves import LEAF, PATH, VALUE, WORD, WORD_AT, TermMaker
from asyncevents_core.ports.indexer import AttemptDocument, event_leaves

LAYOUT: Final = 5
"""Changes with what is below, and with the terms: an index of another layout is built anew."""

FAST_ONLY: Final = frozenset({"started_at", "duration"})
"""Numbers that hardly two attempts share: no terms are kept of them, only a column."""
DELETED: Final = "deleted"
"""1 in a document that stands for one taken out while the index is built anew."""

_GAP: Final = "\x00"
_GAPS: Final = " ".join([_GAP] * (MAX_SLOP + 1))
"""Between the values of an array, so that no phrase reaches from one into the next."""
_TOKENIZER: Final = "tokens"
_EVENTS_KEPT: Final = 64
_USUAL_KEPT: Final = 256
_LONGEST_KEPT: Final = 1_000
"""Characters of an attempt's texts that are remembered: few attempts share longer ones."""


def make_schema() -> tantivy.Schema:
    """Return the fields of the index."""
    builder = tantivy.SchemaBuilder()
    for name in NUMBERS:
        builder.add_integer_field(name, indexed=name not in FAST_ONLY, fast=True)
    builder.add_integer_field(DELETED, indexed=True)
    for name in (LEAF, VALUE, PATH):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (WORD_AT, WORD):
        builder.add_text_field(name, tokenizer_name=_TOKENIZER, index_option="position")
    return builder.build()


def register_tokenizer(index: tantivy.Index) -> None:
    """Teach an index just opened how words are separated. They are made here, in Python."""
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    builder = builder.filter(tantivy.Filter.custom_stopword([_GAP]))
    index.register_tokenizer(_TOKENIZER, builder.build())


@frozen(kw_only=True)
class _Parts:
    """The terms of some leaves, by field."""

    leaf: list[str]
    value: list[str]
    word: str
    word_at: str
    path: list[str]


class DocumentMaker:
    """Makes documents. The terms of an event are made once for all its attempts in a row.

    So are those of what many attempts have alike: their event's name, their outcome, their target.
    """

    def __init__(self) -> None:
        self._maker = TermMaker()
        self._usual: Callable[[tuple[Leaf, ...]], _Parts] = functools.lru_cache(
            maxsize=_USUAL_KEPT, typed=True
        )(self._parts)
        self._of_event: Callable[[bytes], _Parts] = functools.lru_cache(maxsize=_EVENTS_KEPT)(
            lambda body: self._parts(event_leaves(body))
        )

    def make(self, document: AttemptDocument) -> tantivy.Document:
        """Return what is written. Raises `ValueError` if the body is not a JSON object."""
        event = self._of_event(document.body)
        own = self._maker.terms("uuid", document.uuid)
        usual = self._usual_parts(document)
        made = tantivy.Document(
            leaf=[*own.leaf, *usual.leaf, *event.leaf],
            value=[*own.value, *usual.value, *event.value],
            word=[f"{own.word} {_GAP} {usual.word} {_GAP} {event.word}"],
            word_at=[f"{own.word_at} {usual.word_at} {event.word_at}"],
            path=[*own.paths, *usual.path, *event.path],
        )
        for name in NUMBERS:
            number = document.number(name)
            if number is not None:
                made.add_integer(name, number)
        return made

    def _usual_parts(self, document: AttemptDocument) -> _Parts:
        leaves = tuple(document.usual_leaves())
        if len(document.response) + len(document.detail) > _LONGEST_KEPT:
            return self._parts(leaves)
        return self._usual(leaves)

    def _parts(self, leaves: Iterable[Leaf]) -> _Parts:
        leaf, word_at = list[str](), list[str]()
        seen, paths = set[str](), set[str]()
        values = dict[tuple[tuple[str, ...], str], None]()
        for path, value in leaves:
            terms = self._maker.terms(path, value)
            leaf += terms.leaf
            if terms.value:
                # The same value again makes no difference where its path does not count.
                values[terms.value, terms.word] = None
            if terms.word_at:
                if path in seen:
                    word_at.append(_GAPS)
                word_at.append(terms.word_at)
            if path not in seen:
                seen.add(path)
                paths.update(terms.paths)
        return _Parts(
            leaf=leaf,
            value=[term for terms, _ in values for term in terms],
            word=f" {_GAP} ".join(words for _, words in values),
            word_at=" ".join(word_at),
            path=list(paths),
        )


def tombstone(log_id: int) -> tantivy.Document:
    """Return what stands for a document taken out while the index is built anew."""
    made = tantivy.Document()
    made.add_integer("log_id", log_id)
    made.add_integer(DELETED, 1)
    return made

"""What is written of a document: its fields, and the terms of its leaves."""

from __future__ import annotations

from typing import Final

import tantivy

from asyncevents_core.adapters.terms.leaves import LEAF, PATH, VALUE, WORD, WORD_AT, TermMaker
from asyncevents_core.domain.query.nodes import MAX_SLOP
from asyncevents_core.ports.indexer import AttemptDocument

LAYOUT: Final = 2
"""Changes with what is below, and with the terms: an index of another layout is built anew."""

DELETED: Final = "deleted"
"""1 in a document that stands for one taken out while the index is built anew."""

_GAP: Final = "\x00"
_GAPS: Final = " ".join([_GAP] * (MAX_SLOP + 1))
"""Between the values of an array, so that no phrase reaches from one into the next."""
_TOKENIZER: Final = "tokens"


def make_schema() -> tantivy.Schema:
    """Return the fields of the index."""
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("log_id", indexed=True, fast=True)
    builder.add_integer_field("created", fast=True)
    builder.add_integer_field("attempt", indexed=True, fast=True)
    builder.add_integer_field("subscription_id", indexed=True, fast=True)
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


class DocumentMaker:
    """Makes documents."""

    def __init__(self) -> None:
        self._maker = TermMaker()

    def make(self, document: AttemptDocument) -> tantivy.Document:
        """Return what is written. Raises `ValueError` if the body is no JSON object."""
        leaf, word_at = list[str](), list[str]()
        seen, paths, words_of = set[str](), set[str](), dict[tuple[str, ...], str]()
        for path, value in document.leaves():
            terms = self._maker.terms(path, value)
            leaf += terms.leaf
            if terms.value:
                # The same value again makes no difference where its path does not count.
                words_of[terms.value] = terms.word
            if terms.word_at:
                if path in seen:
                    word_at.append(_GAPS)
                word_at.append(terms.word_at)
            if path not in seen:
                seen.add(path)
                paths.update(terms.paths)
        made = tantivy.Document(
            leaf=leaf,
            value=[term for terms in words_of for term in terms],
            word=[f" {_GAP} ".join(words_of.values())],
            word_at=[" ".join(word_at)],
            path=list(paths),
        )
        made.add_integer("log_id", document.log_id)
        made.add_integer("created", document.created)
        made.add_integer("attempt", document.attempt)
        made.add_integer("subscription_id", document.subscription_id)
        return made


def tombstone(log_id: int) -> tantivy.Document:
    """Return what stands for a document taken out while the index is built anew."""
    made = tantivy.Document()
    made.add_integer("log_id", log_id)
    made.add_integer(DELETED, 1)
    return made

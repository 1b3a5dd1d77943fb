"""What is written of a document: its fields, and the terms of its leaves."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

import tantivy
from attrs import frozen

from asyncevents_core.adapters.tantivy.keys import US, date_key, number_key, text_key
from asyncevents_core.domain.query.fields import is_default
from asyncevents_core.domain.query.leaves import Scalar
from asyncevents_core.domain.query.nodes import MAX_SLOP
from asyncevents_core.domain.query.readings import date_of, number_of, text_of
from asyncevents_core.domain.query.words import words
from asyncevents_core.ports.indexer import AttemptDocument

LAYOUT: Final = 1
"""Changes with what is below: an index of another layout must be built anew."""

LEAF: Final = "leaf"
"""``path US key``: whole values, numbers and dates, by path."""
VALUE: Final = "value"
"""``key``: the same without paths, of the default fields."""
WORD_AT: Final = "word_at"
"""``path US word``, with positions."""
WORD: Final = "word"
"""Words of the default fields, with positions."""
PATH: Final = "path"
"""The paths that hold a value, and those above them."""
DELETED: Final = "deleted"
"""1 in a document that stands for one taken out while the index is built anew."""

_GAP: Final = "\x00"
_GAPS: Final = " ".join([_GAP] * (MAX_SLOP + 1))
"""Between the values of an array, so that no phrase reaches from one into the next."""
_TOKENIZER: Final = "tokens"
_UNSAFE: Final = re.compile(r"[\s\x00-\x1f]")
_KEPT: Final = 20_000
_KEPT_LENGTH: Final = 100


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


def safe_path(path: str) -> str:
    """Return a path without characters that separate terms or tokens."""
    return _UNSAFE.sub("\x1c", _whole_characters(path))


@frozen
class Terms:
    """The terms of one leaf; words are joined."""

    leaf: tuple[str, ...]
    value: tuple[str, ...]
    word_at: str
    word: str
    paths: tuple[str, ...]


class DocumentMaker:
    """Makes documents. Keeps the terms of values that come again and again."""

    def __init__(self) -> None:
        self._remembered: Callable[[str, Scalar], Terms] = functools.lru_cache(
            maxsize=_KEPT, typed=True
        )(terms_of)

    def make(self, document: AttemptDocument) -> tantivy.Document:
        """Return what is written. Raises `ValueError` if the body is no JSON object."""
        leaf, word_at = list[str](), list[str]()
        seen, paths, words_of = set[str](), set[str](), dict[tuple[str, ...], str]()
        for path, value in document.leaves():
            terms = self._terms(path, value)
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

    def _terms(self, path: str, value: Scalar) -> Terms:
        if isinstance(value, str) and len(value) > _KEPT_LENGTH:
            return terms_of(path, value)
        return self._remembered(path, value)


def tombstone(log_id: int) -> tantivy.Document:
    """Return what stands for a document taken out while the index is built anew."""
    made = tantivy.Document()
    made.add_integer("log_id", log_id)
    made.add_integer(DELETED, 1)
    return made


def terms_of(path: str, value: Scalar) -> Terms:
    """Return the terms of a leaf."""
    text = _whole_characters(text_of(value))
    at = safe_path(path) + US
    keys, ordered = [text_key(text)], list[str]()
    number = number_of(value)
    if number is not None:
        key = number_key(number)
        keys.append(key.exact)
        ordered.extend(key.terms[1:])
    date = date_of(value)
    if date is not None:
        ordered.extend(date_key(date).terms)
    found = words(text) if isinstance(value, str | bool) else []
    default = is_default(path)
    return Terms(
        leaf=tuple([at + key for key in (*keys, *ordered)]),
        value=tuple(keys) if default else (),
        word_at=" ".join([at + word for word in found]),
        word=" ".join(found) if default else "",
        paths=tuple(_and_above(safe_path(path))),
    )


def _whole_characters(text: str) -> str:
    """Return a text without halves of surrogate pairs, which JSON may escape but no index holds."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _and_above(path: str) -> list[str]:
    parts = path.split(".")
    return [path, *(".".join(parts[:count]) for count in range(2, len(parts)))]

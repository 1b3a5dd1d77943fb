"""What is written of a document: its fields, and the terms of its leaves."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.query.leaves import Leaf
from asyncevents_core.domain.query.nodes import MAX_SLOP
from asyncevents_core.domain.query.words import MAX_WORD
from asyncevents_core.indexer_kit.keys import US
from asyncevents_core.indexer_kit.leaves import (
    LEAF,
    PATH,
    VALUE,
    WORD,
    WORD_AT,
    TermMaker,
    safe_path,
    whole_characters,
)
from asyncevents_core.ports.indexer import AttemptDocument, event_leaves

LAYOUT: Final = 4
"""Changes with what is below, and with the terms: an index of another layout is built anew."""

DELETED: Final = "deleted"
"""True in a document that stands for one taken out while the index is built anew."""
MICROSECONDS: Final[Mapping[str, str]] = MappingProxyType(
    {"started_at": "started_at_us", "duration": "duration_us"}
)
"""Where these are whole microseconds, to be searched; their own fields are to be read."""
FAR: Final = "word_far"
"""As `WORD_AT`, for tokens that are too long there."""

MAX_EXPRESSION: Final = 8000
"""Characters of an expression. Lucene reads them by recursion: far longer ones end a node."""
LONGEST_TOKEN: Final = 255
"""Lucene's whitespace tokenizer cuts what is longer (in UTF-16 units)."""
_LONGEST_TERM: Final = 8191
_LONGEST_BYTES: Final = 32_000
_LONGEST_SHOWN: Final = 1024
_EVENTS_KEPT: Final = 64
_GAP: Final = ["\x00"] * (MAX_SLOP + 1)

_TERMS: Final = (LEAF, VALUE, PATH, WORD, WORD_AT, FAR)


def settings(shards: int, replicas: int) -> dict[str, Any]:
    """Return the settings of indices. Searches see what was written when the writer says so."""
    return {
        "index": {
            "number_of_shards": shards,
            "number_of_replicas": replicas,
            "refresh_interval": "-1",
            "max_regex_length": MAX_EXPRESSION,
            # Elasticsearch keeps what was sent beside the terms, for replicas that were away so
            # long: five times their size, and for 12 hours unless told otherwise.
            "soft_deletes": {"retention_lease": {"period": "10m"}},
        }
    }


def mappings() -> dict[str, Any]:
    """Return the fields of indices: however many a payload has, no more than these.

    The plain ones are also kept to be read, the terms are not.
    """
    shown = {"type": "keyword", "ignore_above": _LONGEST_SHOWN}
    exact = {"type": "keyword", "doc_values": False, "ignore_above": _LONGEST_TERM}
    words = {"type": "text", "norms": False, "index_options": "positions"}
    return {
        "dynamic": False,
        "_source": {"excludes": list(_TERMS)},
        "properties": {
            "log_id": {"type": "long"},
            "uuid": shown,
            "event_name": shown,
            "success": {"type": "boolean"},
            "started_at": {"type": "date", "format": "strict_date_optional_time"},
            "duration": {"type": "double", "index": False},
            **{name: {"type": "long", "doc_values": False} for name in MICROSECONDS.values()},
            "fate": shown,
            "outcome": shown,
            "http_status": {"type": "long"},
            "detail": shown,
            "attempt": {"type": "long"},
            "subscription_id": {"type": "long"},
            "sink": shown,
            "tenant": shown,
            "target": shown,
            DELETED: {"type": "boolean"},
            LEAF: exact,
            VALUE: exact,
            # Its values are asked for, too: which paths are there.
            PATH: {"type": "keyword", "ignore_above": _LONGEST_TERM},
            WORD: words | {"analyzer": "whitespace", "position_increment_gap": MAX_SLOP + 1},
            WORD_AT: words | {"analyzer": "whitespace", "position_increment_gap": MAX_SLOP + 1},
            FAR: words | {"analyzer": "keyword", "position_increment_gap": 0},
        },
    }


def fields_of_words(start: str) -> tuple[str, ...]:
    """Return where words by path are that begin so: two fields where it depends on the word."""
    length = utf16_length(start)
    if length + 2 * MAX_WORD <= LONGEST_TOKEN:
        return (WORD_AT,)
    return (FAR,) if length + 1 > LONGEST_TOKEN else (WORD_AT, FAR)


def utf16_length(text: str) -> int:
    """Return how long a text is for Java."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class DocumentMaker:
    """Makes documents. The terms of an event are made once for all its attempts in a row."""

    def __init__(self) -> None:
        self._maker = TermMaker()
        self._of_event: Callable[[bytes], Mapping[str, str]] = functools.lru_cache(
            maxsize=_EVENTS_KEPT
        )(lambda body: self._terms(event_leaves(body)))

    def make(self, document: AttemptDocument) -> bytes:
        """Return what is written, as JSON. Raises `ValueError` if the body is not a JSON object."""
        event = self._of_event(document.body)
        own = self._terms(document.attempt_leaves())
        terms = [
            f'"{name}":[{",".join(filter(None, (own[name], event[name])))}]' for name in _TERMS
        ]
        return f"{_json(_plain(document))[:-1]},{','.join(terms)}}}".encode()

    def _terms(self, leaves: Iterable[Leaf]) -> Mapping[str, str]:
        """Return the terms of some leaves by field: JSON, without the brackets of the array."""
        leaf, word_at, far = list[str](), list[str](), list[str]()
        paths, values = set[str](), dict[tuple[tuple[str, ...], str], None]()
        for path, value in leaves:
            terms = self._maker.terms(path, value)
            leaf += terms.leaf
            if terms.value:
                # The same value again makes no difference where its path does not count.
                values[terms.value, terms.word] = None
            if terms.word_at:
                if _is_far(path, terms.word_at):
                    far += [*_tokens(terms.word_at), *_GAP]
                else:
                    word_at.append(terms.word_at)
            paths.update(terms.paths)
        made = {
            LEAF: leaf,
            VALUE: [term for terms, _ in values for term in terms],
            WORD: [words for _, words in values if words],
            WORD_AT: word_at,
            FAR: far,
            PATH: list(paths),
        }
        return {name: _json(found)[1:-1] for name, found in made.items()}


def tombstone(log_id: int) -> bytes:
    """Return what stands for a document taken out while the index is built anew."""
    return json.dumps({"log_id": log_id, DELETED: True}).encode()


def _plain(document: AttemptDocument) -> Mapping[str, object]:
    return {
        "log_id": document.log_id,
        "uuid": whole_characters(document.uuid),
        "event_name": whole_characters(document.event_name),
        "success": document.success,
        "started_at": to_datetime(document.started_at).isoformat(timespec="milliseconds"),
        "duration": document.duration,
        **{to: document.number(name) for name, to in MICROSECONDS.items()},
        "fate": document.fate,
        "outcome": document.outcome,
        "http_status": document.http_status,
        "detail": whole_characters(document.detail),
        "attempt": document.attempt,
        "subscription_id": document.subscription_id,
        "sink": whole_characters(document.sink),
        "tenant": None if document.tenant is None else whole_characters(document.tenant),
        "target": whole_characters(document.target),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_far(path: str, tokens: str) -> bool:
    if len(path) + len(US) + 2 * MAX_WORD <= LONGEST_TOKEN and path.isascii():
        return False
    length = utf16_length(safe_path(path) + US)
    if length + 2 * MAX_WORD <= LONGEST_TOKEN:
        return False
    return any(utf16_length(one) > LONGEST_TOKEN for one in tokens.split(" "))


def _tokens(tokens: str) -> list[str]:
    return [one for one in tokens.split(" ") if len(one.encode()) <= _LONGEST_BYTES]

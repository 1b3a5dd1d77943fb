"""The terms of a document's leaves."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

from attrs import frozen

from asyncevents_core.domain.query.fields import is_default
from asyncevents_core.domain.query.leaves import Scalar
from asyncevents_core.domain.query.readings import date_of, number_of, text_of
from asyncevents_core.domain.query.words import fold, words_of_folded
from asyncevents_core.indexer_kit.keys import US, date_key, exact_key, number_key, text_key

LEAF: Final = "leaf"
"""The field of ``path US key``: whole values (folded), numbers and dates, by path."""
VALUE: Final = "value"
"""The field of ``key``: the same without paths, of the default fields."""
WORD_AT: Final = "word_at"
"""The field of ``path US word``, with positions."""
WORD: Final = "word"
"""The field of the words of the default fields, with positions."""
PATH: Final = "path"
"""The field of the paths that hold a value, and of those above them."""

FORM: Final = 3
"""The form of terms. It changes with them: an index of terms of another form is built anew."""

_IN_ITS_CASE: Final = frozenset({"event_name"})
"""Paths whose whole values are kept in their case, too: names are compared exactly by filters."""
_SAFE: Final = "\x02"
_UNSAFE: Final = re.compile(r"[\s\x00-\x1f]")
_KEPT: Final = 20_000
_KEPT_LENGTH: Final = 100
_PATHS_KEPT: Final = 1_000


@frozen
class Terms:
    """The terms of one leaf; words are joined by spaces, in their order."""

    leaf: tuple[str, ...]
    value: tuple[str, ...]
    word_at: str
    word: str
    paths: tuple[str, ...]


@frozen
class _Place:
    """What the terms of a path have in common."""

    at: str
    """What stands in front of keys and words."""
    default: bool
    in_its_case: bool
    paths: tuple[str, ...]


class TermMaker:
    """Makes the terms of leaves. Remembers those of values that come again and again."""

    def __init__(self) -> None:
        self._remembered: Callable[[str, Scalar], Terms] = functools.lru_cache(
            maxsize=_KEPT, typed=True
        )(terms_of)

    def terms(self, path: str, value: Scalar) -> Terms:
        """Return the terms of a leaf."""
        if isinstance(value, str) and len(value) > _KEPT_LENGTH:
            return terms_of(path, value)
        return self._remembered(path, value)


def terms_of(path: str, value: Scalar) -> Terms:
    """Return the terms of a leaf."""
    text = whole_characters(text_of(value))
    place, folded = _place(path), fold(text)
    keys, ordered = [text_key(folded)], list[str]()
    number = number_of(value)
    if number is not None:
        key = number_key(number)
        keys.append(key.exact)
        ordered.extend(key.terms[1:])
    date = date_of(value)
    if date is not None:
        ordered.extend(date_key(date).terms)
    if place.in_its_case:
        ordered.append(exact_key(text))
    found = words_of_folded(folded) if isinstance(value, str | bool) else []
    at = place.at
    return Terms(
        leaf=tuple([at + key for key in (*keys, *ordered)]),
        value=tuple(keys) if place.default else (),
        word_at=at + f" {at}".join(found) if found else "",
        word=" ".join(found) if place.default else "",
        paths=place.paths,
    )


@functools.lru_cache(_PATHS_KEPT)
def _place(path: str) -> _Place:
    safe = safe_path(path)
    return _Place(
        at=safe + US,
        default=is_default(path),
        in_its_case=path in _IN_ITS_CASE,
        paths=tuple(_and_above(safe)),
    )


def safe_path(path: str) -> str:
    """Return a path without characters that separate terms or words."""
    return _UNSAFE.sub(_SAFE, whole_characters(path))


def whole_characters(text: str) -> str:
    """Return a text without halves of surrogate pairs, which JSON may escape but no index holds."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _and_above(path: str) -> list[str]:
    parts = path.split(".")
    return [path, *(".".join(parts[:count]) for count in range(2, len(parts)))]

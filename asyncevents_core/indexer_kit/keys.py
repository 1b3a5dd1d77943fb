"""Terms that sort as the values do that they stand for.

A term of the field `leaf` is ``path`` ``US`` ``kind`` ``key``. Numbers and dates also have their
key cut at three lengths: a range is then a few coarse terms in its middle and fine ones at its
ends, whatever the number of values in between (as in Lucene's former trie ranges).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from attrs import frozen

US: Final = "\x01"
"""Stands between the parts of a term. No engine takes it for a space."""

TEXT: Final = "s"
LONG: Final = "h"
EXACT: Final = "x"
LONG_EXACT: Final = "y"
NUMBER: Final = "#"
DATE: Final = "@"
FULL: Final = "0"
LONGEST: Final = 512
"""Characters of a text that is kept as it is; of a longer one a digest."""

_NUMBER_LEVELS: Final = (("1", 7), ("2", 10), ("3", 14))
_SHORTEST_NUMBER: Final = 14
_DATE_LEVELS: Final = (("1", 5), ("2", 8), ("3", 11))
_EXPONENT: Final = 5000
_DATE_ZERO: Final = 10**17
_COMPLEMENT: Final = str.maketrans("0123456789", "9876543210")


@frozen
class Key:
    """A sortable key: `full`, and its beginnings from coarse to fine, each with its level."""

    kind: str
    full: str
    levels: tuple[tuple[str, str], ...]

    @property
    def terms(self) -> Sequence[str]:
        """Return the terms to index, without a path."""
        return [self.exact, *(f"{self.kind}{level}{cut}" for level, cut in self.levels)]

    @property
    def exact(self) -> str:
        """Return the term of the value itself, without a path."""
        return f"{self.kind}{FULL}{self.full}"


def text_key(folded: str) -> str:
    """Return the term of a whole text that was folded, without a path."""
    return _whole(folded, TEXT, LONG)


def exact_key(text: str) -> str:
    """Return the term of a whole text in its case, without a path."""
    return _whole(text, EXACT, LONG_EXACT)


def _whole(text: str, kind: str, long: str) -> str:
    text = separated(text)
    if len(text) <= LONGEST:
        return kind + text
    return long + hashlib.blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


def separated(text: str) -> str:
    """Return a text without the character that stands between the parts of a term."""
    return text.replace(US, " ")


def number_key(number: Decimal) -> Key:
    """Return the key of a number: sign, exponent, digits; exact, however many there are.

    It is as long as its longest beginning at least, so that it begins with each of them.
    """
    if not number:
        return Key(NUMBER, "O", tuple((level, "O") for level, _ in _NUMBER_LEVELS))
    digits = "".join(map(str, number.as_tuple().digits)).lstrip("0").rstrip("0")
    exponent = number.adjusted() + _EXPONENT
    if number > 0:
        full, fill = f"P{exponent:04}{digits}".ljust(_SHORTEST_NUMBER, "0"), "0"
    else:
        # Complements, so that what is further from zero sorts lower; the end sorts highest.
        complement = f"N{9999 - exponent:04}{digits.translate(_COMPLEMENT)}"
        full, fill = f"{complement.ljust(_SHORTEST_NUMBER, '9')}~", "9"
    bare = full.rstrip("~")
    cuts = tuple((level, bare[:size].ljust(size, fill)) for level, size in _NUMBER_LEVELS)
    return Key(NUMBER, full, cuts)


def date_key(instant: int) -> Key:
    """Return the key of an instant, microseconds since the epoch."""
    full = f"{instant + _DATE_ZERO:018}"
    return Key(DATE, full, tuple((level, full[:size]) for level, size in _DATE_LEVELS))

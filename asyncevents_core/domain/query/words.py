"""The words of a text: how it is searched word by word, in the index and in a query alike."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from typing import Final

MAX_WORD: Final = 100
"""Characters of a word that count; the rest of a longer one is ignored."""

_ASCII: Final = re.compile(r"[a-z0-9]+")
# Written without spaces between words: each character is one, so that a phrase finds any part.
_SINGLE: Final = "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


def words(text: str) -> list[str]:
    """Return the words of a text: runs of letters, marks and digits, in lower case.

    Everything else separates. Compatibility forms are made equal (NFKC), case is folded; Chinese
    and Hiragana characters are words of their own.

    >>> words("Veronica@Example.com"), words("GRÖSSE größe")
    (['veronica', 'example', 'com'], ['grösse', 'grösse'])
    """
    found = _ASCII.findall(text.lower()) if text.isascii() else _unicode().findall(fold(text))
    if len(text) > MAX_WORD:
        found = [word[:MAX_WORD] for word in found]
    return found


def fold(text: str) -> str:
    """Make case and compatibility forms equal."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


@functools.cache
def _unicode() -> re.Pattern[str]:
    """Python's ``\\w`` leaves out marks, without which many scripts fall into pieces."""
    marks = "".join(
        re.escape(char)
        for char in map(chr, range(0x300, sys.maxunicode + 1))
        if unicodedata.category(char)[0] == "M"
    )
    return re.compile(rf"[{_SINGLE}]|(?:[^\W_{_SINGLE}]|[{marks}])+")

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
_SINGLE: Final = (
    "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    # Emoji, without what only changes their colour.
    "\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
)


def words(text: str) -> list[str]:
    """Return the words of a text: runs of letters, marks and digits, in lower case.

    Everything else separates. Compatibility forms are made equal (NFKC), case is folded; Chinese
    and Hiragana characters and emoji are words of their own.

    >>> words("Veronica@Example.com"), words("GRÖSSE größe"), words("tea 🫖🫖")
    (['veronica', 'example', 'com'], ['grösse', 'grösse'], ['tea', '🫖', '🫖'])
    """
    return words_of_folded(fold(text))


def words_of_folded(folded: str) -> list[str]:
    """Return the words of a text that `fold` returned: `words` without folding it again."""
    found = (_ASCII if folded.isascii() else _unicode()).findall(folded)
    if len(folded) > MAX_WORD:
        found = [word[:MAX_WORD] for word in found]
    return found


def is_of_a_word(char: str) -> bool:
    """Tell whether a character of a folded text belongs to a word: a letter, mark or digit.

    >>> is_of_a_word("é"), is_of_a_word("."), is_of_a_word("_")
    (True, False, False)
    """
    return unicodedata.category(char)[0] == "M" or bool(words_of_folded(char))


def fold(text: str) -> str:
    """Make case and compatibility forms equal.

    >>> fold("CK-1000"), fold("Größe"), fold("№ ①")
    ('ck-1000', 'grösse', 'no 1')
    """
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
    letter = rf"[^\W_{_SINGLE}]"
    return re.compile(rf"[{_SINGLE}]|{letter}(?:{letter}|[{marks}])*")

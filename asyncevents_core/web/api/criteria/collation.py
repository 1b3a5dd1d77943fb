"""Texts as Magento's database compares them: by its collation ``utf8mb4_unicode_ci``."""

from __future__ import annotations

import unicodedata
from typing import Final

_CYRILLIC: Final = "\u0400\u0401\u040d\u0450\u0451\u045d\u04c1\u04c2\u04e2\u04e3\u04ee\u04ef"
"""The Cyrillic letters with an accent that are the same without it, such as Ё, as in Unicode 4."""


class Collation:
    """Upper and lower case are the same, letters with and without accents, and spaces at the end.

    It remembers the texts that it was asked for, since each of many criteria looks at the same
    rows: make one for each list of rows.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def letters(self, text: str) -> str:
        """Return a text so that letters which differ in case or accents only are the same."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = text.lower() if text.isascii() else _without_accents(text)
        return found

    def comparable(self, value: object) -> object:
        """Return what a value is compared by: itself, unless it is a text."""
        return self.letters(value).rstrip(" ") if isinstance(value, str) else value


def _without_accents(text: str) -> str:
    return "".join(map(_plain, unicodedata.normalize("NFC", text))).casefold()


def _plain(letter: str) -> str:
    """Return a Latin or Greek letter without its accents; other scripts count them as letters."""
    if letter < "\u0400" or "\u1e00" <= letter < "\u2000" or letter in _CYRILLIC:
        # The compatible forms (NFKD) would make wildcards of characters that are none.
        letter = unicodedata.normalize("NFD", letter)
    return "".join(one for one in letter if not unicodedata.combining(one))

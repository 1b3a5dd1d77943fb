"""SQL's LIKE: ``%`` stands for any text, ``_`` for a character, a backslash escapes."""

from __future__ import annotations

from typing import Final

_ANY_TEXT: Final = "%%"
_ANY_ONE: Final = "__"


class Like:
    """A pattern, read once. Takes time in proportion to the text, whatever the pattern.

    All places in the pattern that the text may have led to are kept as the bits of one number,
    and each character of the text moves them together (the "shift-and" method: Baeza-Yates and
    Gonnet, "A new approach to text searching", 1992).
    """

    def __init__(self, pattern: str) -> None:
        self._literal: str | None = None
        parts = _parts(pattern)
        if len(parts) >= 2 and parts[0] == parts[-1] == _ANY_TEXT:
            middle = parts[1:-1]
            if _ANY_TEXT not in middle and _ANY_ONE not in middle:
                # The usual one, "%text%": the interpreter finds it faster.
                self._literal = "".join(middle)
                return
        self._staying = 0  # places before a %: they stay there whatever comes
        self._any = 0
        self._letters: dict[str, int] = {}
        place = 0
        for part in parts:
            if part is _ANY_TEXT:
                self._staying |= 1 << place
                continue
            if part is _ANY_ONE:
                self._any |= 1 << place
            else:
                self._letters[part] = self._letters.get(part, 0) | 1 << place
            place += 1
        self._end = 1 << place

    def matches(self, text: str) -> bool:
        """Tell whether a whole text has the form of the pattern."""
        if self._literal is not None:
            return self._literal in text
        letters, anything, staying = self._letters, self._any, self._staying
        places = 1
        for letter in text:
            moved = (places & (letters.get(letter, 0) | anything)) << 1
            places = moved | (places & staying)
            if not places:
                return False
        return bool(places & self._end)


def _parts(pattern: str) -> list[str]:
    parts: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            parts.append(next(letters, "\\"))
        elif letter == "%":
            parts.append(_ANY_TEXT)
        elif letter == "_":
            parts.append(_ANY_ONE)
        else:
            parts.append(letter)
    return parts

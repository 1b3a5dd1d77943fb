"""Escapes and wildcards inside of terms and phrases."""

from __future__ import annotations

import re
from typing import Final

from asyncevents_core.domain.query.nodes import Pattern, Wild

_HEX: Final = re.compile(r"u([0-9a-fA-F]{4})")
_HIGH, _LOW, _LAST = 0xD800, 0xDC00, 0xDFFF


class EscapeError(ValueError):
    """A malformed escape at `position`, counted from the start of the text."""

    def __init__(self, expected: str, position: int) -> None:
        super().__init__(expected)
        self.position = position


def unescape(raw: str) -> str:
    """Resolve escapes; wildcards are plain characters. Raises `EscapeError`."""
    return "".join(one.value if isinstance(one, Wild) else one for one in _pieces(raw))


def parts(raw: str) -> str | Pattern:
    """Return a text, or a pattern if there are wildcards without a backslash before them."""
    joined: list[str | Wild] = []
    for piece in _pieces(raw):
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece is not Wild.ANY or not joined or joined[-1] is not Wild.ANY:
            joined.append(piece)
    if any(isinstance(one, Wild) for one in joined):
        return Pattern(tuple(joined))
    return "".join(one for one in joined if isinstance(one, str))


def _pieces(raw: str) -> list[str | Wild]:
    pieces: list[str | Wild] = []
    position = 0
    while position < len(raw):
        char = raw[position]
        if char == "\\":
            text, position = _escape(raw, position + 1)
            pieces.append(text)
            continue
        pieces.append(Wild(char) if char in "*?" else char)
        position += 1
    return pieces


def _escape(raw: str, position: int) -> tuple[str, int]:
    if raw[position] != "u":
        return raw[position], position + 1
    code = _unit(raw, position)
    if _HIGH <= code < _LOW and raw.startswith("\\u", position + 5):
        low = _unit(raw, position + 6)
        if _LOW <= low <= _LAST:
            return chr(0x10000 + ((code - _HIGH) << 10) + (low - _LOW)), position + 11
    if _HIGH <= code <= _LAST:
        raise EscapeError("a whole character, not half of a surrogate pair", position - 1)
    return chr(code), position + 5


def _unit(raw: str, position: int) -> int:
    found = _HEX.match(raw, position)
    if found is None:
        raise EscapeError("four hexadecimal digits after “\\u”", position - 1)
    return int(found[1], 16)

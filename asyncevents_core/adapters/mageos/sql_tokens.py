"""Cuts a dump in MySQL's SQL into tokens: in pieces, so that it may be larger than the memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

from attrs import frozen

from asyncevents_core.adapters.mageos.misread import misread

_CHUNK: Final = 1024 * 1024
_AHEAD: Final = 32
"""Characters after a token that may be looked at to tell what it is."""
LONGEST_TOKEN: Final = 64 * 1024 * 1024
"""Characters of one text or comment."""

_QUOTED: Final = r"""
    '(?:[^'\\]|\\.|'')*'
    | "(?:[^"\\]|\\.|"")*"
"""
_COMMENT: Final = r"""
    --(?=\s)[^\n]*
    | \#[^\n]*
    | /\*.*?\*/
"""
_TOKEN: Final = re.compile(
    rf"""
    (?P<space>\s+|{_COMMENT})
    | (?P<hex>[xX]'[0-9A-Fa-f]*'|0x[0-9A-Fa-f]+)
    | (?P<text>{_QUOTED})
    | (?P<name>`(?:[^`]|``)*`)
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
    | (?P<word>(?![xX]')[^\W\d][\w$]*)
    | (?P<sign>(?![xX]')[^'"`/]|/(?!\*))
    """,
    re.VERBOSE | re.DOTALL,
)
_PIECE: Final = re.compile(
    rf"""
    (?P<space>{_COMMENT})
    | (?P<text>{_QUOTED})
    | (?P<name>`(?:[^`]|``)*`)
    | (?P<sign>;)
    | [^'"`;/\#-]+
    | -
    | /(?!\*)
    """,
    re.VERBOSE | re.DOTALL,
)
"""As `_TOKEN`, in larger pieces: for what is passed over."""
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LETTERS: Final = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


@frozen
class Token:
    """A part of a statement: its `kind` is hex, text, name, number, word or sign."""

    kind: str
    text: str
    line: int

    def is_sign(self, sign: str) -> bool:
        """Tell whether it is this sign."""
        return self.kind == "sign" and self.text == sign

    def is_word(self, *words: str) -> bool:
        """Tell whether it is one of these words, which are in upper case."""
        return self.kind == "word" and self.text.upper() in words

    @property
    def identifier(self) -> str | None:
        """The name of a table or a column that it is; None: it is none."""
        if self.kind == "name":
            return self.text[1:-1].replace("``", "`")
        return self.text if self.kind == "word" else None

    @property
    def value(self) -> str:
        """The text that a text or a number stands for. Raises UnicodeDecodeError for others."""
        if self.kind == "hex":
            digits = self.text[2:].rstrip("'")
            return bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2)).decode()
        if self.kind != "text":
            return self.text
        quote, inside = self.text[0], self.text[1:-1]
        plain = inside.replace(quote * 2, quote) if quote * 2 in inside else inside
        if "\\" not in plain:
            return plain
        return _ESCAPED.sub(lambda one: _LETTERS.get(one[1], one[1]), plain)


class Tokens:
    """The tokens of a file. Belongs to one thread.

    `progress` hears how many bytes were read.
    """

    def __init__(self, path: Path, file: TextIO, progress: Callable[[int], None]) -> None:
        self._path = path
        self._file = file
        self._progress = progress
        self._buffer = ""
        self._at = 0
        self._ended = False
        self.line = 1
        """The line that the next token is in, or before."""

    def next(self) -> Token | None:
        """Return the next token; None at the end. Raises `InvalidValue`."""
        while (match := self._match(_TOKEN)) is not None:
            line = self.line
            self._take(match)
            kind = match.lastgroup
            if kind is not None and kind != "space":
                return Token(kind, match[0], line)
        return None

    def pass_over(self) -> None:
        """Go behind the end of the statement. Raises `InvalidValue`."""
        while (match := self._match(_PIECE)) is not None:
            self._take(match)
            if match.lastgroup == "sign":
                return

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Return what comes next, whole; None at the end."""
        while True:
            match = pattern.match(self._buffer, self._at)
            if match is not None and match.end() + _AHEAD < len(self._buffer):
                return match
            # It may go on in the next chunk, or be something else with what is there.
            if self._ended:
                if match is None and self._at < len(self._buffer):
                    raise misread(self._path, self.line, "what begins here does not end")
                return match
            if len(self._buffer) - self._at > LONGEST_TOKEN:
                raise misread(self._path, self.line, "what begins here is too long")
            self._read_on()

    def _read_on(self) -> None:
        chunk = self._file.read(_CHUNK)
        self._ended = not chunk
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        self._progress(self._file.buffer.tell())

    def _take(self, match: re.Match[str]) -> None:
        self.line += self._buffer.count("\n", self._at, match.end())
        self._at = match.end()

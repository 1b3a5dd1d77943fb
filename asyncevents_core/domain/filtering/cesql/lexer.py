"""Cuts an expression into tokens."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.filtering.cesql.mistakes import Mistake, MistakeKind

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_TOKEN: Final = re.compile(
    r"(?P<word>[A-Za-z0-9_]+)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<sign><=|>=|<>|!=|[=<>()*/%+,-])",
    re.DOTALL,
)
_OTHERWISE: Final = {"&&": "AND", "||": "OR", "!": "NOT"}
"""Operators of other languages, and how they are written here."""


class TokenKind(enum.Enum):
    """What a token is."""

    WORD = "word"
    STRING = "string"
    SIGN = "sign"
    END = "end"


@frozen
class Token:
    """A token. `text` is as it is written: of a string its quotes, too; `upper` in capitals."""

    kind: TokenKind
    text: str
    position: int

    @property
    def upper(self) -> str:
        """What a keyword is called; nothing for a string, which is none."""
        return "" if self.kind is TokenKind.STRING else self.text.upper()

    def __str__(self) -> str:
        return "the end" if self.kind is TokenKind.END else f"“{self.text}”"


def tokens_of(text: str) -> Sequence[Token]:
    """Return the tokens of an expression, the last of kind `END`. Raises `Mistake`."""
    tokens = list[Token]()
    position = _after_space(text, 0)
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _refused(text, position)
        tokens.append(Token(TokenKind(found.lastgroup), found[0], position))
        position = _after_space(text, found.end())
    tokens.append(Token(TokenKind.END, "", len(text)))
    return tokens


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return position if found is None else found.end()


def _refused(text: str, position: int) -> Mistake:
    char = text[position]
    if char in "'\"":
        what = (
            f"expected {char} to end the text that begins here; a {char} in it is written \\{char}"
        )
    else:
        sign = next((one for one in _OTHERWISE if text.startswith(one, position)), None)
        instead = f", which is written {_OTHERWISE[sign]}" if sign else ""
        what = f"expected a name, a value or an operator, found “{sign or char}”{instead}"
    return Mistake(MistakeKind.PARSE, what, position)

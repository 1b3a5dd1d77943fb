"""Cuts a query text into the tokens of luqum's grammar.

luqum's own lexer knows neither ``&&``, ``||``, ``!`` nor ranges and comparisons of values with
signs, slashes or date math, and says less about where it stopped. Its grammar is used as it is.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import define
from luqum.head_tail import TokenValue
from luqum.tree import Phrase, Regex, Word

from asyncevents_core.errors import InvalidQuery

MAX_LENGTH: Final = 10_000
MAX_DEPTH: Final = 50

_SPACE: Final = re.compile(r"\s+")
_ESCAPED: Final = r"\\(?s:.)"
_OPERATOR: Final = re.compile(r"(&&|\|\||AND|OR|NOT|TO)(?=[\s()\[{\"]|$)")
_SIMPLE: Final = re.compile(r"[()+\-!:]")
_COMPARISON: Final = re.compile(r"[<>]=?")
# A colon belongs to a term only inside of a time: created:2026-11-23T10:00
_TIME: Final = (
    r"(?<=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}):[0-9]{2}(?::[0-9]{2})?"
    r"|(?<=[0-9][+-][0-9]{2}):[0-9]{2}"
)
_TERM: Final = re.compile(
    rf'(?:[^\s+\-!():^\[\]"{{}}~\\/<>]|{_ESCAPED})(?:[^\s!():^\[\]"{{}}~\\]|{_ESCAPED}|{_TIME})*'
)
_SIGNED: Final = re.compile(rf'-[0-9.](?:[^\s!():^\[\]"{{}}~\\]|{_ESCAPED})*')
# Among the values of a field, one that stands alone or between ORs: data.total:(-3.25 OR 12)
_NEGATIVE: Final = re.compile(
    r"-(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"(?=\s*(?:\^[0-9.]+\s*)?(?:\)|\|\||OR(?=[\s()\[{\"])))"
)
_BEFORE_NEGATIVE: Final = frozenset({"LPAREN", "OR_OP", "NOT", "PLUS"})
_COMPARED: Final = re.compile(rf'(?:[^\s()\[\]"{{}}\\^~]|{_ESCAPED})+')
_BOUND: Final = re.compile(rf'(?:[^\s"\]}}\\]|{_ESCAPED})(?:[^\s\]}}\\]|{_ESCAPED})*')
_PHRASE: Final = re.compile(rf'"(?:[^\\"]|{_ESCAPED})*"')
_REGEX: Final = re.compile(rf"/(?:[^\\/]|{_ESCAPED})*/")
_FIRST_BOUND_TO: Final = re.compile(r"TO(?=\s+TO[\s\]}])")
_DEGREE: Final = re.compile(r"[~^]([0-9]+(?:\.[0-9]+)?|\.[0-9]+)?")
_AFTER_DEGREE: Final = re.compile(r"[\s()\[{\"~^]|$")
_BOOSTED: Final = frozenset({"TERM", "TO", "PHRASE", "REGEX", "RBRACKET", "RPAREN", "APPROX"})

_TYPES: Final = {
    "AND": "AND_OP",
    "&&": "AND_OP",
    "OR": "OR_OP",
    "||": "OR_OP",
    "NOT": "NOT",
    "!": "NOT",
    "TO": "TO",
    "+": "PLUS",
    "-": "MINUS",
    ":": "COLUMN",
    "(": "LPAREN",
    ")": "RPAREN",
}


@define
class Token:
    """What ply wants of a token. `value` knows its `pos` and `size`; ply sets `lexer`."""

    type: str
    value: Word | Phrase | Regex | TokenValue
    lexpos: int
    lineno: int = 1
    lexer: object = None


class Lexer:
    """The tokens of one text; ply calls `input` and then `token` until it is None."""

    def __init__(self, text: str) -> None:
        self.last: Token | None = None
        """The token read last: where the grammar fails, it is the one that does not fit."""
        self.has_to = False
        """Whether the range that was begun last has its TO: there is just one."""
        self._text = text
        self._at = 0
        self._in_values: list[bool] = []
        """Of each parenthesis that is open, whether it holds the values of one field."""
        self._in_range = False

    def input(self, text: str) -> None:
        """Start. The text is known already."""

    def token(self) -> Token | None:
        """Return the next token, None at the end. Raises `InvalidQuery`."""
        self._pass_over()
        if self._at >= len(self._text):
            self._at = len(self._text)
            self.last = None
            return None
        self.last = self._bound() if self._in_range else self._next()
        return self.last

    def _pass_over(self) -> None:
        """Pass over spaces and boosts: hits are ordered by time, so these make no difference."""
        boosted = False
        while self._at < len(self._text):
            space = _SPACE.match(self._text, self._at)
            if space is not None:
                self._at = space.end()
            elif self._text[self._at] != "^" or self._in_range:
                return
            elif self.last is None or self.last.type not in _BOOSTED:
                raise self._wrong("a term, a phrase, a range or “(”, and then a boost")
            elif boosted:
                raise self._wrong("one boost, which makes no difference here")
            else:
                boosted = True
                self._at = self._end_of_degree("a number, which makes no difference here")[1]

    def _next(self) -> Token:
        char = self._text[self._at]
        before = self.last.type if self.last is not None else ""
        if before in {"GREATERTHAN", "LESSTHAN"} and char != '"':
            return self._word(_COMPARED, "a value to compare with")
        if char in "[{":
            self._in_range, self.has_to = True, False
            return self._mark("LBRACKET", char)
        if char in '"/':
            return self._enclosed(char)
        if char == "~":
            return self._degree(before)
        if char in "<>":
            found = _COMPARISON.match(self._text, self._at)
            kind = "GREATERTHAN" if char == ">" else "LESSTHAN"
            return self._mark(kind, found[0] if found else char)
        if before == "COLUMN" and _SIGNED.match(self._text, self._at):
            return self._word(_SIGNED, "a number")
        if (
            before in _BEFORE_NEGATIVE
            and any(self._in_values[-1:])
            and _NEGATIVE.match(self._text, self._at)
        ):
            return self._word(_NEGATIVE, "a number")
        operator = _OPERATOR.match(self._text, self._at) or _SIMPLE.match(self._text, self._at)
        if operator is not None:
            return self._operator(operator[0])
        return self._word(_TERM, "a term; a special character needs a backslash before it")

    def _operator(self, text: str) -> Token:
        if text == "(":
            of_a_field = self.last is not None and self.last.type == "COLUMN"
            self._in_values.append(of_a_field or any(self._in_values[-1:]))
            if len(self._in_values) > MAX_DEPTH:
                raise self._wrong(f"at most {MAX_DEPTH} parentheses in each other")
        elif text == ")":
            del self._in_values[-1:]
        return self._mark(_TYPES[text], text)

    def _bound(self) -> Token:
        char = self._text[self._at]
        if char in "]}":
            self._in_range = False
            return self._mark("RBRACKET", char)
        if char == '"':
            return self._enclosed(char)
        first = self.last is not None and self.last.type == "LBRACKET"
        if first and _FIRST_BOUND_TO.match(self._text, self._at):
            return self._word(_FIRST_BOUND_TO, "a value or “*”")
        word = self._word(_BOUND, "a value or “*”")
        if word.value.value == "TO" and not self.has_to:
            self.has_to = True
            return self._placed(Token("TO", TokenValue("TO"), word.lexpos), 2)
        return word

    def _word(self, pattern: re.Pattern[str], expected: str) -> Token:
        found = pattern.match(self._text, self._at)
        if found is None:
            if self._text[self._at :] == "\\":
                expected = "a character after the backslash"
            raise self._wrong(expected)
        return self._take("TERM", Word(found[0]), found.end())

    def _enclosed(self, mark: str) -> Token:
        pattern = _PHRASE if mark == '"' else _REGEX
        found = pattern.match(self._text, self._at)
        if found is None:
            opened = "phrase" if mark == '"' else "regular expression"
            position = len(self._text)
            raise InvalidQuery(
                self._text, position, f"“{mark}”: the {opened} of position {self._at + 1} is open"
            )
        if mark == '"':
            return self._take("PHRASE", Phrase(found[0]), found.end())
        return self._take("REGEX", Regex(found[0]), found.end())

    def _degree(self, before: str) -> Token:
        expected = "a whole number of places" if before == "PHRASE" else "a number"
        degree, end = self._end_of_degree(expected, bare=True)
        if before == "PHRASE" and degree is not None and not degree.isdigit():
            self._at += 1
            raise self._wrong(expected)
        return self._take("APPROX", TokenValue(degree), end)

    def _end_of_degree(self, expected: str, *, bare: bool = False) -> tuple[str | None, int]:
        """Return the number behind ``~`` or ``^`` and where it ends; None with `bare` for none."""
        found = _DEGREE.match(self._text, self._at)
        degree = found[1] if found is not None else None
        end = found.end() if found is not None else self._at + 1
        if degree is None and not bare:
            self._at += 1
            raise self._wrong(expected)
        if _AFTER_DEGREE.match(self._text, end) is None:
            self._at = end
            raise self._wrong(f"a space or the end after {expected}")
        return degree, end

    def _mark(self, kind: str, text: str) -> Token:
        return self._take(kind, TokenValue(text), self._at + len(text))

    def _take(self, kind: str, value: Word | Phrase | Regex | TokenValue, end: int) -> Token:
        token = self._placed(Token(kind, value, self._at), end - self._at)
        self._at = end
        return token

    def _placed(self, token: Token, size: int) -> Token:
        token.value.pos, token.value.size = token.lexpos, size
        return token

    def _wrong(self, expected: str) -> InvalidQuery:
        found = self._text[self._at : self._at + 1]
        return InvalidQuery(self._text, self._at, expected, found=f"“{found}”" if found else "")

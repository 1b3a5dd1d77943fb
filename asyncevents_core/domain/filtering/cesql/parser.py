"""From the text of an expression to its tree: by recursive descent, as deep as is allowed.

From tight to loose: calls; NOT and the sign of a number; LIKE, EXISTS, IN; ``* / %``; ``+ -``;
comparisons; AND, OR and XOR, which are alike. What is alike goes from left to right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn

from asyncevents_core.domain.filtering.cesql.lexer import Token, TokenKind, tokens_of
from asyncevents_core.domain.filtering.cesql.mistakes import Mistake, MistakeKind
from asyncevents_core.domain.filtering.cesql.tree import (
    AttributeOf,
    Call,
    Chain,
    Exists,
    In,
    Like,
    Link,
    Literal,
    Negative,
    Node,
    Not,
)
from asyncevents_core.domain.filtering.cesql.values import is_integer
from asyncevents_core.domain.query.nodes import Wild

MAX_LENGTH: Final = 8_000
"""Characters of an expression."""
MAX_DEPTH: Final = 30
"""Parentheses, calls, NOTs and signs in each other."""
MAX_TESTS: Final = 10
"""LIKEs and INs one after the other, each of the result of the one before; and comparisons."""

LOGIC: Final = frozenset({"AND", "OR", "XOR"})
COMPARISONS: Final = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
SUMS: Final = frozenset({"+", "-"})
PRODUCTS: Final = frozenset({"*", "/", "%"})
_KEYWORDS: Final = LOGIC | {"NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"}
_TRUTHS: Final[Mapping[str, bool]] = MappingProxyType({"TRUE": True, "FALSE": False})
_DIGITS: Final = re.compile(r"[0-9]+")
_ATTRIBUTE: Final = re.compile(r"[A-Za-z0-9]+")
_FUNCTION: Final = re.compile(r"[A-Za-z][A-Za-z_]*")
_PLACEHOLDERS: Final[Mapping[str, Wild]] = MappingProxyType({"%": Wild.ANY, "_": Wild.ONE})


def parse(text: str) -> Node:
    """Parse an expression. Raises `Mistake`."""
    if len(text) > MAX_LENGTH:
        expected = f"an expression has {MAX_LENGTH:,} characters at most"
        raise Mistake(MistakeKind.PARSE, expected, MAX_LENGTH)
    return _Parser(text).parse()


class _Parser:
    """Reads one expression."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        """Read it to its end."""
        node = self._logic()
        if self._next.kind is not TokenKind.END:
            if self._next.text == ")":
                self._wrong("no “(” stands before this “)”")
            self._wrong(f"expected an operator or the end, found {self._next}")
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += token.kind is not TokenKind.END
        return token

    def _wrong(self, text: str, token: Token | None = None) -> NoReturn:
        raise Mistake(MistakeKind.PARSE, text, (token or self._next).position)

    def _expect(self, sign: str, opened: Token) -> None:
        if self._next.text != sign:
            self._wrong(f"expected “{sign}” for the “{opened.text}” of {opened.position + 1}")
        self._take()

    def _deeper(self, read: Callable[[], Node], token: Token) -> Node:
        """Read what is one level further inside."""
        if self._depth >= MAX_DEPTH:
            self._wrong(f"at most {MAX_DEPTH} parentheses, calls and NOTs in each other", token)
        self._depth += 1
        node = read()
        self._depth -= 1
        return node

    def _logic(self) -> Node:
        return self._chain(LOGIC, self._comparison)

    def _comparison(self) -> Node:
        token = self._next
        node = self._chain(COMPARISONS, self._sum)
        if (
            isinstance(node, Chain)
            and len(node.links) > MAX_TESTS
            and node.links[0].sign in COMPARISONS
        ):
            self._wrong(f"at most {MAX_TESTS} comparisons one after the other", token)
        return node

    def _sum(self) -> Node:
        return self._chain(SUMS, self._product)

    def _product(self) -> Node:
        return self._chain(PRODUCTS, self._tested)

    def _chain(self, signs: frozenset[str], read: Callable[[], Node]) -> Node:
        first = read()
        links = list[Link]()
        while self._next.upper in signs:
            sign = self._take()
            links.append(Link(sign=sign.upper, operand=read(), position=sign.position))
        if not links:
            return first
        return Chain(first=first, links=tuple(links), position=links[0].position)

    def _tested(self) -> Node:
        """Read a value, and LIKE or IN behind it."""
        node, tests = self._signed(), 0
        while True:
            negated = self._next.upper == "NOT"
            operator = self._tokens[self._at + negated]
            if operator.upper not in {"LIKE", "IN"}:
                return node
            tests += 1
            if tests > MAX_TESTS:
                self._wrong(f"at most {MAX_TESTS} LIKEs and INs one after the other", operator)
            self._at += 1 + negated
            node = (self._like if operator.upper == "LIKE" else self._in)(node, operator, negated)

    def _like(self, operand: Node, operator: Token, negated: bool) -> Node:
        if self._next.kind is not TokenKind.STRING:
            self._wrong(f"expected a text in quotes behind LIKE, found {self._next}")
        pattern = _pattern(_unquoted(self._take().text))
        return Like(operand=operand, pattern=pattern, negated=negated, position=operator.position)

    def _in(self, operand: Node, operator: Token, negated: bool) -> Node:
        opened = self._next
        if opened.text != "(":
            self._wrong(f"expected “(” behind IN, found {opened}")
        options = self._listed(opened)
        if not options:
            self._wrong("expected one value at least in the parentheses behind IN", opened)
        return In(operand=operand, options=options, negated=negated, position=operator.position)

    def _listed(self, opened: Token) -> tuple[Node, ...]:
        """Read expressions in parentheses, with commas between them."""
        self._take()
        found = list[Node]()
        if self._next.text != ")":
            found.append(self._deeper(self._logic, opened))
            while self._next.text == ",":
                self._take()
                found.append(self._deeper(self._logic, opened))
        self._expect(")", opened)
        return tuple(found)

    def _signed(self) -> Node:
        token = self._next
        if token.upper == "NOT":
            self._take()
            operand = self._deeper(self._signed, token)
            return Not(operand=operand, position=token.position)
        if token.text in {"+", "-"}:
            self._take()
            if _DIGITS.fullmatch(self._next.text):
                return self._integer(token)
            if token.text == "+":
                self._wrong(f"expected a number behind “+”, found {self._next}")
            operand = self._deeper(self._signed, token)
            return Negative(operand=operand, position=token.position)
        return self._value()

    def _integer(self, sign: Token | None = None) -> Node:
        token = self._take()
        digits = token.text.lstrip("0") or "0"
        number = int(digits) if len(digits) <= 10 else None
        if number is not None and sign is not None and sign.text == "-":
            number = -number
        if number is None or not is_integer(number):
            self._wrong("a number lies between -2147483648 and 2147483647", token)
        return Literal(value=number, position=(sign or token).position)

    def _value(self) -> Node:
        token = self._next
        if token.kind is TokenKind.STRING:
            self._take()
            return Literal(value=_unquoted(token.text), position=token.position)
        if token.text == "(":
            self._take()
            node = self._deeper(self._logic, token)
            self._expect(")", token)
            return node
        if token.kind is not TokenKind.WORD:
            self._wrong(f"expected a value, found {token}")
        if _DIGITS.fullmatch(token.text):
            return self._integer()
        if token.upper in _TRUTHS:
            self._take()
            return Literal(value=_TRUTHS[token.upper], position=token.position)
        if token.upper == "EXISTS":
            self._take()
            return Exists(name=self._attribute(), position=token.position)
        if token.upper not in _KEYWORDS and self._tokens[self._at + 1].text == "(":
            return self._call()
        return AttributeOf(name=self._attribute(), position=token.position)

    def _call(self) -> Node:
        name = self._take()
        if _FUNCTION.fullmatch(name.text) is None:
            self._wrong(f"{name} is not the name of a function", name)
        return Call(name=name.upper, arguments=self._listed(self._next), position=name.position)

    def _attribute(self) -> str:
        token = self._next
        if token.kind is not TokenKind.WORD or token.upper in _KEYWORDS:
            self._wrong(f"expected a value, found {token}")
        if _ATTRIBUTE.fullmatch(token.text) is None:
            self._wrong("the names of attributes have letters and digits only")
        return self._take().text.lower()


def _unquoted(raw: str) -> str:
    """Return the text of a string. A backslash before anything but its quote is itself."""
    quote = raw[0]
    return raw[1:-1].replace(f"\\{quote}", quote)


def _pattern(text: str) -> tuple[str | Wild, ...]:
    """Return the form that the text behind LIKE stands for."""
    parts = list[str | Wild]()
    plain = ""
    position = 0
    while position < len(text):
        char = text[position]
        escaped = text[position + 1 : position + 2]
        if char == "\\" and escaped in _PLACEHOLDERS:
            plain += escaped
            position += 2
            continue
        if char in _PLACEHOLDERS:
            parts += [plain, _PLACEHOLDERS[char]] if plain else [_PLACEHOLDERS[char]]
            plain = ""
        else:
            plain += char
        position += 1
    return (*parts, plain) if plain else tuple(parts)

"""Regular expressions of queries: what every engine can run in time linear in the text.

``.`` any character · ``[a-z]`` ``[^0-9]`` ``\\d`` ``\\w`` ``\\s`` classes · ``*`` ``+`` ``?``
``{2}`` ``{2,}`` ``{2,5}`` repetition · ``|`` ``( )`` · a backslash before anything else makes it
plain. Everything else is plain text, Lucene's ``~ & @ # < > "`` too. They match a whole value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

MAX_LENGTH: Final = 1000
MAX_REPEAT: Final = 200
MAX_SIZE: Final = 2000
"""Characters of an expression with its counts written out: `(a{20}){20}` has 400."""
_MAX_DEPTH: Final = 20

Ranges = tuple[tuple[str, str], ...]


@frozen(cache_hash=True)
class Chars:
    """One character of these ranges, or with `negated` of any other."""

    ranges: Ranges
    negated: bool = False


@frozen(cache_hash=True)
class Sequence:
    """One part after the other; none is the empty text."""

    parts: tuple[Node, ...]


@frozen(cache_hash=True)
class Choice:
    """One of these."""

    options: tuple[Node, ...]


@frozen(cache_hash=True)
class Repeat:
    """The same several times; `most` None is without limit."""

    node: Node
    least: int
    most: int | None


Node = Chars | Sequence | Choice | Repeat

ANY: Final = Chars(ranges=(), negated=True)
ANYTHING: Final = Repeat(ANY, 0, None)

_CLASSES: Final[Mapping[str, Ranges]] = MappingProxyType(
    {
        "d": (("0", "9"),),
        "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
        "s": (("\t", "\r"), (" ", " ")),
    }
)
_COUNT: Final = re.compile(r"\{([0-9]{1,4})(,([0-9]{1,4})?)?\}")


class RegexError(ValueError):
    """A malformed expression: `position` counts characters from its start."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def parse(text: str) -> Node:
    """Parse an expression. Raises `RegexError`."""
    if len(text) > MAX_LENGTH:
        raise RegexError(f"a regular expression of at most {MAX_LENGTH} characters", MAX_LENGTH)
    reader = _Reader(text)
    node = reader.choice(0)
    if reader.position < len(text):
        raise RegexError("“(” before this “)”", reader.position)
    if size(node) > MAX_SIZE:
        expected = f"an expression of at most {MAX_SIZE:,} characters with its counts written out"
        raise RegexError(expected, 0)
    return node


def size(node: Node) -> int:
    """Return how many characters an expression has with its counts written out."""
    match node:
        case Chars():
            return 1
        case Sequence():
            return sum(map(size, node.parts))
        case Choice():
            return sum(map(size, node.options))
        case Repeat():
            return size(node.node) * max(node.least, node.most or 1)


def shortest(node: Node) -> int:
    """Return how many characters a text has at least that an expression matches.

    >>> shortest(parse("a?b{3}(cc|d)"))
    4
    """
    match node:
        case Chars():
            return 1
        case Sequence():
            return sum(map(shortest, node.parts))
        case Choice():
            return min(map(shortest, node.options), default=0)
        case Repeat():
            return shortest(node.node) * node.least


def literal(text: str) -> Sequence:
    """Return the expression that matches just `text`."""
    return Sequence(tuple(Chars(((char, char),)) for char in text))


class _Reader:
    """Recursive descent over one expression."""

    def __init__(self, text: str) -> None:
        self.position = 0
        self._text = text

    def choice(self, depth: int) -> Node:
        """Read up to the end or to a closing parenthesis."""
        if depth > _MAX_DEPTH:
            raise RegexError(f"at most {_MAX_DEPTH} parentheses in each other", self.position)
        options = [self._sequence(depth)]
        while self._peek() == "|":
            self.position += 1
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _peek(self) -> str:
        return self._text[self.position : self.position + 1]

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._repeated(self._atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, node: Node) -> Node:
        # At most one repetition: (a+)+ needs its parentheses.
        char = self._peek()
        if char == "{":
            return self._counted(node)
        if char == "" or char not in "*+?":
            return node
        self.position += 1
        return Repeat(node, 1 if char == "+" else 0, 1 if char == "?" else None)

    def _counted(self, node: Node) -> Node:
        found = _COUNT.match(self._text, self.position)
        if found is None:
            raise RegexError(
                "a count such as {2}, {2,} or {2,5}; \\{ is the character", self.position
            )
        least = int(found[1])
        most = None if found[2] == "," else int(found[3] or least)
        if least > MAX_REPEAT or (most is not None and not least <= most <= MAX_REPEAT):
            raise RegexError(f"counts in order and up to {MAX_REPEAT}", self.position)
        self.position = found.end()
        return Repeat(node, least, most)

    def _atom(self, depth: int) -> Node:
        start, char = self.position, self._peek()
        self.position += 1
        if char == "(":
            node = self.choice(depth + 1)
            if self._peek() != ")":
                raise RegexError("“)” for this “(”", start)
            self.position += 1
            return node
        if char == "[":
            return self._class(start)
        if char == ".":
            return ANY
        if char in "*+?{":
            raise RegexError(
                f"something to repeat before “{char}”; \\{char} is the character", start
            )
        if char == "\\":
            return self._escape()
        return Chars(((char, char),))

    def _escape(self) -> Chars:
        char = self._peek()
        if not char:
            raise RegexError("a character after the backslash", self.position)
        self.position += 1
        if char.lower() in _CLASSES:
            return Chars(_CLASSES[char.lower()], negated=char.isupper())
        return Chars(((char, char),))

    def _class(self, start: int) -> Chars:
        negated = self._peek() == "^"
        self.position += negated
        ranges: list[tuple[str, str]] = []
        while self._peek() != "]" or not ranges:
            ranges.extend(self._range(start))
        self.position += 1
        return Chars(tuple(ranges), negated)

    def _range(self, start: int) -> Ranges:
        first = self._member(start)
        if len(first.ranges) > 1 or first.negated or first.ranges[0][0] != first.ranges[0][1]:
            if first.negated:
                raise RegexError("no \\D, \\W or \\S in a class", self.position - 1)
            return first.ranges
        low = first.ranges[0][0]
        rest = self._text[self.position : self.position + 2]
        if len(rest) < 2 or rest[0] != "-" or rest[1] == "]":
            return first.ranges
        self.position += 1
        high = self._member(start).ranges[0][1]
        if high < low:
            raise RegexError(f"a range in order, not {low}-{high}", self.position - 1)
        return ((low, high),)

    def _member(self, start: int) -> Chars:
        char = self._peek()
        if not char:
            raise RegexError("“]” for this “[”", start)
        self.position += 1
        return self._escape() if char == "\\" else Chars(((char, char),))

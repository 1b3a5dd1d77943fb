"""From a query text to a query: luqum's grammar, its errors made precise."""

from __future__ import annotations

import copy
import re
import time
from typing import Any, Final

from asyncevents_core.domain.query.nodes import Query
from asyncevents_core.errors import InvalidQuery, MissingExtra

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_STARTS: Final = "a term, a phrase, a range or “(”"
_EXPECTED: Final = (
    ("LPAREN", _STARTS),
    ("RPAREN", "“)”"),
    ("RBRACKET", "“]” or “}”"),
    ("TO", "TO"),
)


def parse_query(text: str, *, now: int | None = None) -> Query:
    """Parse a Lucene query; docs/reference/search.md has the language.

    `now`, microseconds since the epoch, is what date math counts from; without it, the time.
    Raises `InvalidQuery`, and `MissingExtra` where luqum is not installed. Thread-safe.
    """
    try:
        from asyncevents_core.adapters.lucene import building, lexer
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"luqum", "ply"}:
            raise
        raise MissingExtra("searching", extra="search") from error
    _check(text, lexer.MAX_LENGTH)
    tree = _tree(text, lexer.Lexer(text))
    now = time.time_ns() // 1000 if now is None else now
    return building.Builder(text, now=now).build(tree)


def _check(text: str, longest: int) -> None:
    if not text.strip():
        raise InvalidQuery(text, 0, "a query; *:* finds everything")
    if len(text) > longest:
        raise InvalidQuery(text, longest, f"a query of at most {longest:,} characters")
    lone = _SURROGATE.search(text)
    if lone is not None:
        raise InvalidQuery(text, lone.start(), "a whole character, not half of a surrogate pair")


def _tree(text: str, lexer: Any) -> Any:
    from luqum.exceptions import ParseError
    from luqum.parser import parser

    # ply keeps its state on the parser: a shallow copy shares the tables only.
    mine = copy.copy(parser)
    try:
        return type(parser).parse(mine, text, lexer=lexer)
    except ParseError:
        raise _explained(text, lexer, set(mine.action[mine.statestack[-1]])) from None


def _explained(text: str, lexer: Any, possible: set[str]) -> InvalidQuery:
    last = lexer.last
    anything = "LPAREN" in possible
    # The grammar's tables allow for either behind a bound.
    impossible = {"RBRACKET" if "TO" in possible and not lexer.has_to else "TO"}
    if anything:
        impossible.add("TO")
    expected = [words for kind, words in _EXPECTED if kind in possible - impossible]
    if not anything and possible & {"TERM", "PHRASE"}:
        expected.insert(0, "a value")
    if "$end" in possible and last is not None:
        expected.append("the end")
    position = len(text) if last is None else last.lexpos
    found = "the end" if last is None else f"“{text[position : position + last.value.size]}”"
    return InvalidQuery(text, position, " or ".join(expected) or "something else", found=found)

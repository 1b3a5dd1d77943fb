"""What in a query text is probably meant otherwise than it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from asyncevents_core.adapters.lucene.lexer import Lexer, Token
from asyncevents_core.adapters.lucene.parsing import parse_query
from asyncevents_core.domain.query.doubts import Doubt
from asyncevents_core.domain.query.explaining import fields_of
from asyncevents_core.domain.query.fields import PAYLOAD, short_name
from asyncevents_core.domain.query.nodes import BooleanQuery
from asyncevents_core.errors import InvalidQuery

_BEFORE_A_VALUE: Final = frozenset({"COLUMN", "GREATERTHAN", "LESSTHAN"})
_OPERATORS: Final = frozenset({"and", "or", "not"})
_ASSIGNED: Final = re.compile(r"([A-Za-z_][\w.]*)=(.+)", re.DOTALL)
_WILD: Final = re.compile(r"(?<!\\)[*?]")
_EVENT_ID: Final = "data.id"
_OF_UUIDS: Final = re.compile(r"[0-9a-fA-F-]*[*?][0-9a-fA-F*?-]*|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}")
"""A UUID, or a part of one with wildcards."""
_NUMBER: Final = re.compile(r"[0-9.]+(?:[eE][+-]?[0-9]+)?")


def doubts_of(text: str) -> Sequence[Doubt]:
    """Return the doubts about a text that was parsed; none for one that cannot be read."""
    lexer, tokens = Lexer(text), list[Token]()
    try:
        while (token := lexer.token()) is not None:
            tokens.append(token)
    except InvalidQuery:
        return ()
    return (*_doubts(text, tokens), *_of_items(text))


def _doubts(text: str, tokens: Sequence[Token]) -> Iterator[Doubt]:
    in_range = False
    for number, token in enumerate(tokens):
        in_range = token.type == "LBRACKET" or (in_range and token.type != "RBRACKET")
        if in_range:
            continue
        before = tokens[number - 1] if number else None
        after = tokens[number + 1] if number + 1 < len(tokens) else None
        named = before is not None and before.type in _BEFORE_A_VALUE
        names = after is not None and after.type == "COLUMN"
        start, size = token.value.pos, token.value.size
        found = text[start : start + size]
        if token.type == "TERM" and not named and not names:
            yield from _of_term(found, start)
        if names and found == _EVENT_ID:
            value = tokens[number + 2] if number + 2 < len(tokens) else None
            yield from _of_event_id(text, start, value)
        if token.type == "TO" and _is_value(before) and _is_value(after):
            yield Doubt(
                position=start,
                found=found,
                hint='a range stands in brackets: [1 TO 5]; as a word to look for, "TO" in quotes',
                widens=True,
            )
        if token.type == "MINUS" and after is not None and after.type == "TERM":
            yield from _of_minus(text, token, after, before)
        if token.type == "REGEX" and after is not None and after.lexpos == start + size:
            rest = text[after.lexpos : after.lexpos + after.value.size]
            yield Doubt(
                position=start,
                found=found + rest,
                hint=f"{found} is read as a regular expression; a value with / goes into quotes: "
                f'"{found}{rest}"',
                widens=True,
            )
        if token.type == "PHRASE" and (wild := _WILD.search(found)):
            yield Doubt(
                position=start + wild.start(),
                found=wild[0],
                hint="within quotes it stands for itself; without them for any characters",
            )


def _of_event_id(text: str, start: int, value: Token | None) -> Iterator[Doubt]:
    """Yield a doubt where the id of the event cannot have the value that is asked for."""
    if value is None or value.type == "LPAREN":
        return
    begin = value.lexpos
    found = text[begin : begin + value.value.size] if _is_value(value) else ""
    if not _OF_UUIDS.fullmatch(found.strip('"')):
        yield Doubt(
            position=start,
            found=_EVENT_ID,
            hint=f"the id of the event, a UUID; what the payload has as id is {PAYLOAD}.id",
        )


def _is_value(token: Token | None) -> bool:
    return token is not None and token.type in {"TERM", "PHRASE"}


def _of_minus(text: str, minus: Token, after: Token, before: Token | None) -> Iterator[Doubt]:
    number = text[after.lexpos : after.lexpos + after.value.size]
    if after.lexpos == minus.lexpos + 1 and _NUMBER.fullmatch(number):
        yield Doubt(
            position=minus.lexpos,
            found=f"-{number}",
            hint=f'is read as NOT {number}; the number goes into quotes: "-{number}"',
            # Alone, it finds all others.
            widens=before is None or before.type == "LPAREN",
        )


def _of_items(text: str) -> Iterator[Doubt]:
    """Yield a doubt where two conditions are perhaps meant for the same item of an array."""
    try:
        queries = [parse_query(text)]
    except InvalidQuery:
        return
    told = set[str]()
    while queries:
        query = queries.pop()
        if not isinstance(query, BooleanQuery):
            continue
        queries += [*query.must, *query.should, *query.must_not]
        below: dict[str, set[str]] = {}
        for one in (*query.must, *query.must_not):
            for field in fields_of(one):
                parent, _, _ = field.rpartition(".")
                if parent.startswith(f"{PAYLOAD}."):
                    below.setdefault(parent, set()).add(field)
        for parent, fields in below.items():
            if len(fields) < 2 or parent in told:
                continue
            told.add(parent)
            name = short_name(parent, text)
            yield Doubt(
                position=max(0, text.find(name)),
                found=name,
                hint="if it is an array, each of the conditions may be met by another item",
            )


def _of_term(found: str, start: int) -> Iterator[Doubt]:
    if found.lower() in _OPERATORS:
        yield Doubt(
            position=start,
            found=found,
            hint=f'{found.upper()} in capital letters; as a word to look for, "{found}" in quotes',
            widens=True,
        )
    elif assigned := _ASSIGNED.fullmatch(found):
        yield Doubt(
            position=start,
            found=found,
            hint=f'{assigned[1]}:{assigned[2]}; as a text to look for, "{found}" in quotes',
            widens=True,
        )

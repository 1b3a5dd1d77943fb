"""Questions about terms in SQL: each is a condition on a row of `documents`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from asyncevents_core.search import (
    PATH,
    US,
    WORD_AT,
    Automaton,
    Pattern,
    QueryMaker,
    beginning,
    matches,
    regex,
    within,
)

LARGEST = 2**63 - 1


@frozen
class Condition:
    """A condition and the values of its question marks."""

    sql: str
    values: tuple[str | int | bytes, ...] = ()


class SqlMaker(QueryMaker[Condition]):
    """Makes conditions, for the state of the index that a connection reads."""

    loose = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def everything(self) -> Condition:
        """See `QueryMaker`."""
        return Condition("1")

    def nothing(self) -> Condition:
        """See `QueryMaker`."""
        return Condition("0")

    def boolean(
        self,
        must: Sequence[Condition],
        should: Sequence[Condition],
        must_not: Sequence[Condition],
    ) -> Condition:
        """See `QueryMaker`."""
        parts = [*must, *(Condition(f"NOT {one.sql}", one.values) for one in must_not)]
        if should:
            parts.append(_joined("OR", should))
        return _joined("AND", parts)

    def term(self, name: str, term: str) -> Condition:
        """See `QueryMaker`."""
        return _having("term = (SELECT id FROM terms WHERE field = ? AND term = ?)", name, term)

    def matching(self, name: str, node: regex.Node) -> Condition:
        """See `QueryMaker`. SQLite has no expressions: core's run over the dictionary."""
        return self._one_of(name, beginning(node), Automaton(node).matches)

    def phrase(self, name: str, terms: Sequence[str], slop: int) -> Condition:
        """See `QueryMaker`. Without slop, all words are as far from the beginning as in it."""
        if slop:
            return _moved(name, terms, slop)
        return Condition(
            "id IN (SELECT document FROM json_each(?) AS wanted "
            "JOIN terms ON field = ? AND terms.term = wanted.value "
            "JOIN postings ON postings.term = terms.id "
            "GROUP BY document, place - wanted.key HAVING count(*) = ?)",
            (json.dumps(terms), name, len(terms)),
        )

    def fuzzy(self, name: str, start: str, word: str, distance: int) -> Condition:
        """See `QueryMaker`."""
        return self._one_of(
            name, start, lambda term: within(word, term.removeprefix(start), distance)
        )

    def between(self, field: str, lower: int | None, upper: int | None) -> Condition:
        """See `QueryMaker`. The field is the name of a column."""
        return Condition(
            f"({field} BETWEEN ? AND ?)",
            (
                -LARGEST if lower is None else max(-LARGEST, min(lower, LARGEST)),
                LARGEST if upper is None else max(-LARGEST, min(upper, LARGEST)),
            ),
        )

    def texts(
        self,
        name: str,
        start: str,
        lower: str | None,
        upper: str | None,
        *,
        above: bool,
        below: bool,
    ) -> Condition:
        """See `QueryMaker`. SQLite compares UTF-8, whose order is that of code points."""
        least = "term > ?" if above and lower is not None else "term >= ?"
        most = "term < CAST(? AS TEXT)" if below or upper is None else "term <= CAST(? AS TEXT)"
        return _having(
            f"term IN (SELECT id FROM terms WHERE field = ? AND {least} AND {most})",
            name,
            start + (lower or ""),
            _end(start) if upper is None else (start + upper).encode(),
        )

    def paths(self, pattern: Pattern, words: Sequence[str]) -> Sequence[str]:
        """See `QueryMaker`."""
        start = pattern.parts[0] if isinstance(pattern.parts[0], str) else ""
        return [
            path
            for _, path in self._terms(PATH, start)
            if matches(pattern, path)
            and all(self._has(WORD_AT, f"{path}{US}{word}") for word in words)
        ]

    def _has(self, name: str, term: str) -> bool:
        question = "SELECT 1 FROM terms WHERE field = ? AND term = ?"
        return self._connection.execute(question, (name, term)).fetchone() is not None

    def _one_of(self, name: str, start: str, fits: Callable[[str], bool]) -> Condition:
        """Return the condition for one of the terms with a beginning that fit."""
        found = [number for number, term in self._terms(name, start) if fits(term)]
        return _having("term IN (SELECT value FROM json_each(?))", json.dumps(found))

    def _terms(self, name: str, start: str) -> Iterator[tuple[int, str]]:
        yield from self._connection.execute(
            "SELECT id, term FROM terms WHERE field = ? AND term >= ? AND term < CAST(? AS TEXT)",
            (name, start, _end(start)),
        )


def _having(posting: str, *values: str | int | bytes) -> Condition:
    return Condition(f"id IN (SELECT document FROM postings WHERE {posting})", values)


def _end(start: str) -> bytes:
    """Return what is behind all texts with a beginning: no UTF-8 has that byte."""
    return start.encode() + b"\xff"


def _joined(word: str, parts: Sequence[Condition]) -> Condition:
    """Join conditions in halves: SQLite limits how deep an expression is, not how long."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = _joined(word, parts[:half]), _joined(word, parts[half:])
    return Condition(f"({left.sql} {word} {right.sql})", left.values + right.values)


def _moved(name: str, terms: Sequence[str], slop: int) -> Condition:
    """Return the condition for a phrase whose words are moved.

    How far each word is from its place in the phrase differs by at most `slop`, and no two words
    are at the same place.
    """
    numbers = range(len(terms))
    others = "".join(
        f" JOIN postings p{n} ON p{n}.document = p0.document"
        f" AND p{n}.place - p0.place BETWEEN {n - slop} AND {n + slop}"
        for n in numbers[1:]
    )
    word = "(SELECT id FROM terms WHERE field = ? AND term = ?)"
    moved = ", ".join(f"p{n}.place - {n}" for n in numbers)
    conditions = [f"p{n}.term = {word}" for n in numbers]
    conditions.append(f"max({moved}) - min({moved}) <= {slop}")
    conditions += [f"p{a}.place <> p{b}.place" for b in numbers for a in range(b)]
    values = [one for term in terms for one in (name, term)]
    return Condition(
        f"id IN (SELECT p0.document FROM postings p0{others} WHERE {' AND '.join(conditions)})",
        tuple(values),
    )

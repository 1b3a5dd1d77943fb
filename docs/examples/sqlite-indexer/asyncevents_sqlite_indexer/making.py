"""Questions about terms in SQL: each is a table of documents, named in one long WITH."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence

from asyncevents_core.indexer_kit import (
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

Value = str | int | bytes
LARGEST = 2**63 - 1


class SqlMaker(QueryMaker[str]):
    """Makes tables and returns their names, for the state of the index that a connection reads.

    Questions in each other become tables that follow each other: SQLite's parser would not go as
    deep as queries may.
    """

    loose = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables: list[str] = []
        self._values: list[Value] = []

    def run(self, select: str, *values: Value) -> Sequence[tuple[int, ...]]:
        """Return the rows of a SELECT that uses the tables made so far."""
        statement = f"WITH {', '.join(self._tables)} {select}"
        return self._connection.execute(statement, (*self._values, *values)).fetchall()

    def everything(self) -> str:
        """See `QueryMaker`."""
        return self._table("SELECT id FROM documents")

    def nothing(self) -> str:
        """See `QueryMaker`."""
        return self._table("SELECT id FROM documents WHERE 0")

    def boolean(self, must: Sequence[str], should: Sequence[str], must_not: Sequence[str]) -> str:
        """See `QueryMaker`."""
        conditions = [f"id IN {one}" for one in must]
        if should:
            conditions.append(_joined("OR", [f"id IN {one}" for one in should]))
        conditions += [f"id NOT IN {one}" for one in must_not]
        return self._table(f"SELECT id FROM documents WHERE {_joined('AND', conditions)}")

    def term(self, name: str, term: str) -> str:
        """See `QueryMaker`."""
        return self._having("= (SELECT id FROM terms WHERE field = ? AND term = ?)", name, term)

    def matching(self, name: str, node: regex.Node) -> str:
        """See `QueryMaker`. SQLite has no expressions: core's run over the dictionary."""
        return self._one_of(name, beginning(node), Automaton(node).matches)

    def phrase(self, name: str, terms: Sequence[str], slop: int) -> str:
        """See `QueryMaker`. Without slop, all words are as far from the beginning as in it."""
        if slop:
            return self._moved(name, terms, slop)
        return self._table(
            "SELECT document FROM json_each(?) AS wanted "
            "JOIN terms ON field = ? AND terms.term = wanted.value "
            "JOIN postings ON postings.term = terms.id "
            "GROUP BY document, place - wanted.key HAVING count(*) = ?",
            *(json.dumps(terms), name, len(terms)),
        )

    def fuzzy(self, name: str, start: str, word: str, distance: int) -> str:
        """See `QueryMaker`."""
        return self._one_of(
            name, start, lambda term: within(word, term.removeprefix(start), distance)
        )

    def between(self, field: str, lower: int | None, upper: int | None) -> str:
        """See `QueryMaker`. The field is the name of a column; NULL is never in between."""
        least = -LARGEST if lower is None else max(-LARGEST, min(lower, LARGEST))
        most = LARGEST if upper is None else max(-LARGEST, min(upper, LARGEST))
        return self._table(f"SELECT id FROM documents WHERE {field} BETWEEN ? AND ?", least, most)

    def texts(
        self,
        name: str,
        start: str,
        lower: str | None,
        upper: str | None,
        *,
        above: bool,
        below: bool,
    ) -> str:
        """See `QueryMaker`. SQLite compares UTF-8, whose order is that of code points."""
        least = "term > ?" if above and lower is not None else "term >= ?"
        most = "term < CAST(? AS TEXT)" if below or upper is None else "term <= CAST(? AS TEXT)"
        return self._having(
            f"IN (SELECT id FROM terms WHERE field = ? AND {least} AND {most})",
            *(name, start + (lower or "")),
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

    def _table(self, select: str, *values: Value) -> str:
        name = f"q{len(self._tables)}"
        self._tables.append(f"{name} AS ({select})")
        self._values += values
        return name

    def _having(self, term: str, *values: Value) -> str:
        return self._table(f"SELECT document FROM postings WHERE term {term}", *values)

    def _one_of(self, name: str, start: str, fits: Callable[[str], bool]) -> str:
        """Return the documents with one of the terms that have a beginning and fit."""
        found = [number for number, term in self._terms(name, start) if fits(term)]
        return self._having("IN (SELECT value FROM json_each(?))", json.dumps(found))

    def _terms(self, name: str, start: str) -> Iterator[tuple[int, str]]:
        yield from self._connection.execute(
            "SELECT id, term FROM terms WHERE field = ? AND term >= ? AND term < CAST(? AS TEXT)",
            (name, start, _end(start)),
        )

    def _has(self, name: str, term: str) -> bool:
        question = "SELECT 1 FROM terms WHERE field = ? AND term = ?"
        return self._connection.execute(question, (name, term)).fetchone() is not None

    def _moved(self, name: str, terms: Sequence[str], slop: int) -> str:
        """Return the documents with a phrase whose words are moved.

        How far each word is from its place in the phrase differs by at most `slop`, and no two
        words are at the same place.
        """
        numbers = range(len(terms))
        others = "".join(
            f" JOIN postings p{n} ON p{n}.document = p0.document"
            f" AND p{n}.place BETWEEN p0.place + {n - slop} AND p0.place + {n + slop}"
            for n in numbers[1:]
        )
        moved = ", ".join(f"p{n}.place - {n}" for n in numbers)
        conditions = [f"max({moved}) - min({moved}) <= {slop}"]
        conditions += [f"p{a}.place <> p{b}.place" for b in numbers for a in range(b)]
        conditions += [
            f"p{n}.term = (SELECT id FROM terms WHERE field = ? AND term = ?)" for n in numbers
        ]
        return self._table(
            f"SELECT p0.document FROM postings p0{others} WHERE {' AND '.join(conditions)}",
            *(value for term in terms for value in (name, term)),
        )


def _end(start: str) -> bytes:
    """Return what is behind all texts with a beginning: no UTF-8 has that byte."""
    return start.encode() + b"\xff"


def _joined(word: str, conditions: Sequence[str]) -> str:
    """Join conditions in halves: SQLite limits how deep an expression is, not how long."""
    if len(conditions) == 1:
        return conditions[0]
    half = len(conditions) // 2
    left, right = _joined(word, conditions[:half]), _joined(word, conditions[half:])
    return f"({left} {word} {right})"

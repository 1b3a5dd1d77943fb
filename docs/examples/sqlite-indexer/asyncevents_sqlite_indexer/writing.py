"""What is written of a document."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set

from attrs import frozen

from asyncevents_core.indexer_kit import (
    LEAF,
    MAX_SLOP,
    NUMBERS,
    PATH,
    VALUE,
    WORD,
    WORD_AT,
    TermMaker,
)
from asyncevents_core.plugin import AttemptDocument, Rejected

Posting = tuple[str, str, int]
"""A field, a term, and a place: 0 for terms that have none."""


@frozen
class Made:
    """A document and its postings."""

    document: AttemptDocument
    postings: Set[Posting]


def made(
    documents: Iterable[AttemptDocument], maker: TermMaker
) -> tuple[Sequence[Made], Sequence[Rejected]]:
    """Return what is to be written of documents, and those that cannot be read."""
    readable, rejected = list[Made](), list[Rejected]()
    for document in documents:
        try:
            readable.append(Made(document, frozenset(_postings(document, maker))))
        except ValueError as error:
            reason = f"its body cannot be indexed: {error}"
            rejected.append(Rejected(log_id=document.log_id, reason=reason))
    return readable, rejected


def _postings(document: AttemptDocument, maker: TermMaker) -> Iterator[Posting]:
    place = 0
    for path, value in document.leaves():
        terms = maker.terms(path, value)
        for field, exact in ((LEAF, terms.leaf), (VALUE, terms.value), (PATH, terms.paths)):
            for term in exact:
                yield field, term, 0
        for field, words in ((WORD_AT, terms.word_at), (WORD, terms.word)):
            for number, word in enumerate(words.split()):
                yield field, word, place + number
        # So far apart that no phrase reaches from one value into the next.
        place += len(terms.word_at.split()) + MAX_SLOP + 1


def add(connection: sqlite3.Connection, generation: int, documents: Sequence[Made]) -> None:
    """Add documents that a generation does not have."""
    terms = {posting[:2] for one in documents for posting in one.postings}
    connection.executemany("INSERT OR IGNORE INTO terms (field, term) VALUES (?, ?)", terms)
    question = "SELECT id FROM terms WHERE field = ? AND term = ?"
    numbers = {term: connection.execute(question, term).fetchone()[0] for term in terms}
    rows: list[tuple[int, int, int]] = []
    for one in documents:
        document = _add(connection, generation, one.document)
        rows += [(numbers[name, term], document, place) for name, term, place in one.postings]
    # In the order of their key: SQLite then writes page after page.
    connection.executemany("INSERT INTO postings VALUES (?, ?, ?)", sorted(rows))


def _add(connection: sqlite3.Connection, generation: int, document: AttemptDocument) -> int:
    inserted = connection.execute(
        f"INSERT INTO documents (generation, {', '.join(NUMBERS)}) "
        f"VALUES (?{', ?' * len(NUMBERS)}) RETURNING id",
        (generation, *map(document.number, NUMBERS)),
    )
    return int(inserted.fetchone()[0])


def remove(connection: sqlite3.Connection, log_ids: Iterable[int]) -> None:
    """Take documents out of all generations; their postings go with them."""
    connection.executemany("DELETE FROM documents WHERE log_id = ?", ((one,) for one in log_ids))

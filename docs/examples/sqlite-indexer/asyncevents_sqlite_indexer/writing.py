"""What is written of a document."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from asyncevents_core import AttemptDocument, Rejected
from asyncevents_core.search import LEAF, MAX_SLOP, PATH, VALUE, WORD, WORD_AT, TermMaker

Posting = tuple[str, str, int]
"""A field, a term, and a place: 0 for terms that have none."""


@frozen
class Made:
    """A document and its postings."""

    document: AttemptDocument
    postings: Sequence[Posting]


def made(
    documents: Iterable[AttemptDocument], maker: TermMaker
) -> tuple[Sequence[Made], Sequence[Rejected]]:
    """Return what is to be written of documents, and those that cannot be read."""
    readable, rejected = list[Made](), list[Rejected]()
    for document in documents:
        try:
            readable.append(Made(document, sorted(set(_postings(document, maker)))))
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
    rows: list[tuple[int, int, str, str]] = []
    for one in documents:
        cursor = connection.execute(
            "INSERT INTO documents (generation, log_id, created, attempt, subscription_id) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                generation,
                one.document.log_id,
                one.document.created,
                one.document.attempt,
                one.document.subscription_id,
            ),
        )
        number = cursor.lastrowid or 0
        rows += [(number, place, field, term) for field, term, place in one.postings]
    connection.executemany(
        "INSERT OR IGNORE INTO terms (field, term) VALUES (?, ?)", {row[2:] for row in rows}
    )
    connection.executemany(
        "INSERT INTO postings (document, place, term) "
        "SELECT ?, ?, id FROM terms WHERE field = ? AND term = ?",
        rows,
    )


def remove(connection: sqlite3.Connection, log_ids: Iterable[int]) -> None:
    """Take documents out of all generations; their postings go with them."""
    connection.executemany("DELETE FROM documents WHERE log_id = ?", ((one,) for one in log_ids))

"""The file: its tables, and transactions.

An inverted index in three tables: `terms` is the dictionary, `postings` says which documents have
a term and where, `documents` has what is no term. A generation is a number in `documents`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from asyncevents_core.errors import IndexUnavailable, SearchTimeout
from asyncevents_core.indexer_kit import FORM, NUMBERS

LAYOUT = 100 * 2 + FORM
"""Changes with the tables, and with the form of the terms that are written into them."""

SCHEMA = (
    "CREATE TABLE state (serving INTEGER NOT NULL, next INTEGER, cursor INTEGER)",
    "INSERT INTO state (serving) VALUES (1)",
    f"""CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        generation INTEGER NOT NULL,
        {", ".join(f"{name} INTEGER" for name in NUMBERS)},
        UNIQUE (log_id, generation)
    )""",
    """CREATE TABLE terms (
        id INTEGER PRIMARY KEY,
        field TEXT NOT NULL,
        term TEXT NOT NULL,
        UNIQUE (field, term)
    )""",
    """CREATE TABLE postings (
        term INTEGER NOT NULL,
        document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
        place INTEGER NOT NULL,
        PRIMARY KEY (term, document, place)
    ) WITHOUT ROWID""",
    "CREATE INDEX postings_by_document ON postings (document)",
    # What was taken out while the next generation is filled: it must not come back.
    "CREATE TABLE deleted (log_id INTEGER PRIMARY KEY)",
    f"PRAGMA user_version = {LAYOUT}",
)
STEPS = 100
"""Steps of SQLite's machine after which it looks at the clock."""


class Database:
    """Opens the file for each transaction: so any thread may have one, and nothing stays open."""

    def __init__(self, path: str, *, busy: float) -> None:
        self._path = Path(path).absolute()
        self._busy = busy

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, durable when it ends; none of it is, if it raises. Waits for others."""
        with self._opened("rwc") as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("BEGIN IMMEDIATE")
            if not self._has_tables(connection):
                for statement in SCHEMA:
                    connection.execute(statement)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def reading(self, *, timeout: float | None = None) -> Iterator[sqlite3.Connection | None]:
        """One state of the index, whoever writes meanwhile; None where there is no index yet.

        Raises `SearchTimeout` when `timeout` seconds are over.
        """
        if not self._path.exists():
            yield None
            return
        with self._opened("rw", timeout) as connection:
            connection.execute("BEGIN")
            yield connection if self._has_tables(connection) else None

    @contextmanager
    def _opened(self, mode: str, timeout: float | None = None) -> Iterator[sqlite3.Connection]:
        until = None if timeout is None else time.monotonic() + timeout
        try:
            with closing(
                sqlite3.connect(
                    f"{self._path.as_uri()}?mode={mode}",
                    uri=True,
                    timeout=self._busy,
                    isolation_level=None,
                )
            ) as connection:
                if until is not None:
                    connection.set_progress_handler(lambda: time.monotonic() >= until, STEPS)
                yield connection
        except sqlite3.Error as error:
            if timeout is not None and error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise SearchTimeout(timeout) from error
            raise IndexUnavailable(f"{self._path}: {error}") from error

    def _has_tables(self, connection: sqlite3.Connection) -> bool:
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        if layout not in {0, LAYOUT}:
            raise IndexUnavailable(
                f"{self._path}: made by another version (layout {layout}, not {LAYOUT}). Remove "
                "the file and run `asyncevents reindex`"
            )
        return bool(layout)

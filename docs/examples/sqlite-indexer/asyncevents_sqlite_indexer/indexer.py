"""What the contract of an indexer asks for; each method is one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from attrs import frozen

from asyncevents_core.errors import IndexUnavailable, SearchTimeout
from asyncevents_core.indexer_kit import COUNTED, Query, TermMaker, Translator
from asyncevents_core.plugin import AttemptDocument, Buckets, Found, Indexer, Rebuild, Rejected
from asyncevents_sqlite_indexer.database import Database
from asyncevents_sqlite_indexer.making import SqlMaker
from asyncevents_sqlite_indexer.writing import add, made, remove

SERVING = "generation = (SELECT serving FROM state)"


@frozen
class State:
    """The generation that serves, and the one being filled up to a cursor."""

    serving: int
    next: int | None
    cursor: int | None

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> State:
        """Read it."""
        return cls(*connection.execute("SELECT serving, next, cursor FROM state").fetchone())


class SqliteIndexer(Indexer):
    """An index in a file."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.maker = TermMaker()

    def upsert(self, documents: Sequence[AttemptDocument]) -> Sequence[Rejected]:
        """See `Indexer`. Whatever was taken out before is there again."""
        newest = {one.log_id: one for one in documents}
        written, rejected = made(newest.values(), self.maker)
        with self.database.writing() as connection:
            state = State.read(connection)
            remove(connection, newest)
            connection.executemany(
                "DELETE FROM deleted WHERE log_id = ?", ((one,) for one in newest)
            )
            add(connection, state.serving, written)
            if state.next is not None:
                add(connection, state.next, written)
        return rejected

    def delete(self, log_ids: Collection[int]) -> None:
        """See `Indexer`. A rebuild under way is told what must not come back."""
        with self.database.writing() as connection:
            remove(connection, log_ids)
            if State.read(connection).next is not None:
                connection.executemany(
                    "INSERT OR IGNORE INTO deleted VALUES (?)", ((one,) for one in log_ids)
                )

    def search(
        self,
        query: Query,
        *,
        limit: int,
        before: int | None = None,
        timeout: float = 10.0,
        count: bool = True,
    ) -> Found:
        """See `Indexer`."""
        if timeout <= 0:
            raise SearchTimeout(timeout)
        with self.database.reading(timeout=timeout) as connection:
            if connection is None:
                return Found(log_ids=(), total=0 if count else None)
            maker = SqlMaker(connection)
            hits = f"{SERVING} AND id IN {Translator(maker).translate(query)}"
            page = _page(maker, hits, limit, before)
            if not count:
                return Found(log_ids=page, total=None)
            # One more than is counted exactly tells that there are more.
            some = f"SELECT 1 FROM documents WHERE {hits} LIMIT {COUNTED + 1}"
            ((total,),) = maker.run(f"SELECT count(*) FROM ({some})")
        return Found(log_ids=page, total=min(total, COUNTED), exact=total <= COUNTED)

    def histogram(
        self, query: Query, buckets: Buckets, *, timeout: float = 10.0
    ) -> Sequence[int] | None:
        """See `Indexer`. It is optional: pages without it show no bars above what was found."""
        if timeout <= 0:
            raise SearchTimeout(timeout)
        ranges = buckets.ranges()
        counts = dict.fromkeys((since for since, _ in ranges), 0)
        with self.database.reading(timeout=timeout) as connection:
            if connection is not None:
                maker = SqlMaker(connection)
                hits = f"{SERVING} AND id IN {Translator(maker).translate(query)}"
                found = maker.run(
                    "SELECT started_at - (started_at - ?) % ? AS start, count(*) FROM documents "
                    f"WHERE {hits} AND started_at >= ? AND started_at < ? GROUP BY start",
                    *(buckets.since, buckets.width, buckets.since, ranges[-1][1]),
                )
                counts.update((start, number) for start, number in found)
        return list(counts.values())

    def count(self) -> int:
        """See `Indexer`."""
        with self.database.reading() as connection:
            if connection is None:
                return 0
            question = f"SELECT count(*) FROM documents WHERE {SERVING}"
            return int(connection.execute(question).fetchone()[0])

    def rebuild(self) -> Rebuild:
        """See `Indexer`."""
        with self.database.writing() as connection:
            connection.execute("UPDATE state SET next = serving + 1 WHERE next IS NULL")
        return SqliteRebuild(self)

    def is_rebuilding(self) -> bool:
        """See `Indexer`."""
        with self.database.reading() as connection:
            return connection is not None and State.read(connection).next is not None


class SqliteRebuild(Rebuild):
    """A rebuild: all of its state is in the file, so any process may take it up."""

    def __init__(self, indexer: SqliteIndexer) -> None:
        self._database = indexer.database
        self._maker = indexer.maker

    @property
    def cursor(self) -> int | None:
        """See `Rebuild`."""
        with self._database.reading() as connection:
            return None if connection is None else State.read(connection).cursor

    def fill(self, documents: Sequence[AttemptDocument], *, cursor: int) -> Sequence[Rejected]:
        """See `Rebuild`. What is there already is newer, and what was deleted stays away."""
        filling, rejected = made({one.log_id: one for one in documents}.values(), self._maker)
        with self._database.writing() as connection:
            following = _following(connection)
            new = [one for one in filling if not _is_settled(connection, one.document.log_id)]
            add(connection, following, new)
            connection.execute("UPDATE state SET cursor = ?", (cursor,))
        return rejected

    def finish(self) -> None:
        """See `Rebuild`. A search that began before goes on with the state that it sees."""
        with self._database.writing() as connection:
            following = _following(connection)
            connection.execute("DELETE FROM documents WHERE generation <> ?", (following,))
            _end(connection, serving=following)

    def abandon(self) -> None:
        """See `Rebuild`."""
        with self._database.writing() as connection:
            following = _following(connection)
            connection.execute("DELETE FROM documents WHERE generation = ?", (following,))
            _end(connection, serving=State.read(connection).serving)


def _following(connection: sqlite3.Connection) -> int:
    following = State.read(connection).next
    if following is None:
        raise IndexUnavailable("this rebuild has ended: begin another one")
    return following


def _is_settled(connection: sqlite3.Connection, log_id: int) -> bool:
    """Tell whether the next generation has a document, or must not have it."""
    found = connection.execute(
        "SELECT 1 FROM documents WHERE log_id = ?1 AND generation = (SELECT next FROM state) "
        "UNION ALL SELECT 1 FROM deleted WHERE log_id = ?1",
        (log_id,),
    )
    return found.fetchone() is not None


def _end(connection: sqlite3.Connection, *, serving: int) -> None:
    connection.execute("UPDATE state SET serving = ?, next = NULL, cursor = NULL", (serving,))
    connection.execute("DELETE FROM deleted")
    connection.execute("DELETE FROM terms WHERE id NOT IN (SELECT term FROM postings)")


def _page(maker: SqlMaker, hits: str, limit: int, before: int | None) -> Sequence[int]:
    older = [] if before is None else [before]
    condition = " AND log_id < ?" if older else ""
    rows = maker.run(
        f"SELECT log_id FROM documents WHERE {hits}{condition} ORDER BY log_id DESC LIMIT ?",
        *older,
        limit,
    )
    return [log_id for (log_id,) in rows]

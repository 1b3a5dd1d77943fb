"""What the operations of all nouns share: a connection, its clock, inserts, updates in chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Row,
    Select,
    Table,
    Update,
    select,
    update,
)

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.insertions import Rows, Upsert, insertion
from asyncevents_core.adapters.sqlalchemy.schema import meta

T = TypeVar("T")

_number: Final = attrgetter("int")
CHUNK: Final = 500
"""Ids per statement: databases limit the number of parameters."""


class Statements:
    """One connection in a transaction. Each operation is a few statements, never one per row.

    `offset` (microseconds) moves the database's clock, for tests. `cipher` encrypts secrets.
    """

    def __init__(
        self,
        connection: Connection,
        dialect: SqlDialect,
        offset: Callable[[], int],
        cipher: Cipher,
    ) -> None:
        self.connection = connection
        self.dialect = dialect
        self.offset = offset
        self.cipher = cipher
        self._now: int | None = None
        self._epoch: int | None = None

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Rows | None = None
    ) -> CursorResult[Any]:
        """Execute a statement; once for each row of parameters where there are many."""
        return self.connection.execute(
            statement, parameters, execution_options=self.dialect.execution_options
        )

    def rows(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """Execute a statement and fetch what it finds, all at once: one by one costs more."""
        return self.execute(statement, parameters).all()

    def clock(self) -> int:
        """Return the database's clock, microseconds; another value each time."""
        return int(self.execute(select(self.dialect.now())).scalar_one()) + self.offset()

    def now(self) -> int:
        """Return the database's clock, microseconds, as this transaction read it first."""
        if self._now is None:
            self._read_meta()
        assert self._now is not None  # noqa: S101
        return self._now

    def epoch(self) -> int:
        """Return `subscription_epoch`, as this transaction read it first or changed it."""
        if self._epoch is None:
            self._read_meta()
        assert self._epoch is not None  # noqa: S101
        return self._epoch

    def _read_meta(self) -> None:
        statement = self.dialect.prepared("meta", lambda: select(*self.meta()))
        self.keep_meta(self.execute(statement).one())

    def meta(self) -> tuple[ColumnElement[int], ColumnElement[int]]:
        """Return columns that any SELECT may bring along for `keep_meta`."""
        epoch = select(meta.c.subscription_epoch).scalar_subquery()
        return self.dialect.now().label("ledger_now"), epoch.label("ledger_epoch")

    def keep_meta(self, row: Row[Any]) -> None:
        """Take now and epoch from a row with the columns of `meta`, unless they are known."""
        if self._now is None:
            self._now = int(row.ledger_now) + self.offset()
        if self._epoch is None:
            self._epoch = row.ledger_epoch

    def increment_epoch(self) -> int:
        """Return the new epoch. Its row stays locked, so that epochs are committed in order."""
        self.execute(update(meta).values(subscription_epoch=meta.c.subscription_epoch + 1))
        self._epoch = None
        return self.epoch()

    def insert(self, table: Table, rows: Rows, upsert: Upsert | None = None) -> None:
        """Insert rows; those that break a unique key are passed over, or change the old ones."""
        if rows:
            self.dialect.prepared(
                ("insert", table.name, upsert),
                partial(insertion, self.dialect.name, table, list(rows[0]), upsert=upsert),
            ).execute(self, rows)

    def update_prepared(
        self,
        key: str,
        ids: Collection[UUID],
        build: Callable[[], Update],
        parameters: Mapping[str, object] = MappingProxyType({}),
    ) -> int:
        """Update the rows of these ids by a statement that takes them as "ids"; built once.

        Return how many rows it was.
        """
        if not ids:
            return 0
        statement = self.dialect.prepared(key, build)
        return sum(
            self.execute(statement, {"ids": some, **parameters}).rowcount
            for some in chunked(in_order(ids))
        )

    def update(
        self,
        table: Table,
        ids: Collection[UUID],
        values: Mapping[str, Any],
        *conditions: ColumnElement[bool],
    ) -> None:
        """Update the rows of these ids for which the conditions hold."""
        statement = update(table).where(self.dialect.among(table.c.id, "ids"), *conditions)
        statement = statement.values(values)
        for some in chunked(in_order(ids)):
            self.execute(statement, {"ids": some})

    def update_free(self, table: Table, found: Select[Any], values: Mapping[str, Any]) -> int:
        """Update the rows whose ids a SELECT finds, but those that others have locked.

        Return how many: nobody is waited for.
        """
        ids = self.dialect.lock(found)
        wanted: Any = found
        if self.dialect.name == "postgresql":
            # By WITH they are found once; a subquery may be run again for each row.
            free = ids.cte("free")
            wanted = select(free.c.id)
        elif not self.dialect.is_sqlite:
            # MariaDB and MySQL read in no subquery what they update.
            wanted = list(self.execute(ids).scalars())
            if not wanted:
                return 0
        statement = update(table).where(table.c.id.in_(wanted))
        return self.execute(statement.values(values)).rowcount


class Noun:
    """The operations of one noun, on what those of all nouns share."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements


def in_order(ids: Collection[UUID]) -> list[UUID]:
    """Return ids in their order, in which every transaction locks rows."""
    # By their numbers: to compare two UUIDs is a call in Python.
    return sorted(ids, key=_number)


def chunked(items: Collection[T]) -> Iterator[list[T]]:
    """Split into pieces of one statement each."""
    everything = list(items)
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]


def page(table: Table, limit: int, before: UUID | None, tenant: str | None) -> Select[Any]:
    """Select rows with a tenant, newest first; page on with `before` = the last id."""
    statement = select(table).order_by(table.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.c.id < before)
    if tenant is not None:
        statement = statement.where(table.c.tenant == tenant)
    return statement

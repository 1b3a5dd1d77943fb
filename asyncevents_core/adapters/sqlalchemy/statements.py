"""What the row operations have in common: a connection, its clock, updates in chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Table, Update, select, update
from sqlalchemy.sql.elements import ColumnElement

from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.inserting import Rows, Upsert, insertion
from asyncevents_core.adapters.sqlalchemy.schema import meta

T = TypeVar("T")

CHUNK: Final = 500
"""Ids per statement: databases limit the number of parameters."""


class Statements:
    """One connection in a transaction. Each operation is a few statements, never one per row.

    `offset` (microseconds) moves the database's clock, for tests.
    """

    def __init__(
        self,
        connection: Connection,
        dialect: SqlDialect,
        offset: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._offset = offset
        self._now: int | None = None
        self._epoch: int | None = None

    def now(self) -> int:
        if self._now is None:
            self._read_meta()
        assert self._now is not None  # noqa: S101
        return self._now

    def epoch(self) -> int:
        if self._epoch is None:
            self._read_meta()
        assert self._epoch is not None  # noqa: S101
        return self._epoch

    def _read_meta(self) -> None:
        statement = self._dialect.prepared("meta", lambda: select(*self._meta()))
        self._keep_meta(self._connection.execute(statement).one())

    def _meta(self) -> tuple[ColumnElement[int], ColumnElement[int]]:
        """Return columns that any SELECT may bring along for `_keep_meta`."""
        epoch = select(meta.c.subscription_epoch).scalar_subquery()
        return self._dialect.now().label("ledger_now"), epoch.label("ledger_epoch")

    def _keep_meta(self, row: Any) -> None:
        self._now = int(row.ledger_now) + self._offset()
        self._epoch = row.ledger_epoch

    def _increment_epoch(self) -> int:
        """Return the new epoch. Its row stays locked, so that epochs are committed in order."""
        self._connection.execute(
            update(meta).values(subscription_epoch=meta.c.subscription_epoch + 1)
        )
        self._epoch = None
        return self.epoch()

    def _insert(self, table: Table, rows: Rows, upsert: Upsert | None = None) -> None:
        """Insert rows; those that break a unique key are passed over, or change the old ones."""
        if rows:
            self._dialect.prepared(
                ("insert", table.name, upsert),
                lambda: insertion(self._dialect.name, table, list(rows[0]), upsert=upsert),
            ).execute(self._connection, rows)

    def _update_prepared(
        self, key: str, ids: Collection[UUID], build: Callable[[], Update]
    ) -> None:
        """Update the rows of these ids by a statement that takes them as "ids"; built once."""
        if ids:
            statement = self._dialect.prepared(key, build)
            for some in chunked(sorted(ids)):
                self._connection.execute(statement, {"ids": some})

    def _update(
        self,
        table: Table,
        ids: Collection[UUID],
        values: Mapping[str, Any],
        *conditions: ColumnElement[bool],
    ) -> None:
        statement = update(table).where(self._dialect.among(table.c.id, "ids"), *conditions)
        statement = statement.values(values)
        for some in chunked(sorted(ids)):
            self._connection.execute(statement, {"ids": some})


def chunked(items: Collection[T]) -> Iterator[list[T]]:
    """Split into pieces of one statement each."""
    everything = list(items)
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]

"""Trying out the ledger: every table in every way, and writing through to the disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, false, insert, select, update

from asyncevents_core.adapters.sqlalchemy.schema import metadata
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.ports.ledger.trial import Touch, Trial


class SqlTrial(Noun, Trial):
    """See `Trial`."""

    def tables(self) -> Sequence[str]:
        return sorted(metadata.tables)

    def touch(self, table: str, ways: Collection[Touch] = tuple(Touch)) -> None:
        touched = metadata.tables[table]
        columns = list(touched.columns)
        nothing = select(*columns).where(false())
        first = columns[0]
        statements = {
            Touch.SELECT: nothing,
            Touch.INSERT: insert(touched).from_select(columns, nothing, include_defaults=False),
            Touch.UPDATE: update(touched).values({first: first}).where(false()),
            Touch.DELETE: delete(touched).where(false()),
        }
        for way in ways:
            self._sql.execute(statements[way])

    def spill(self) -> None:
        if self._sql.dialect.is_sqlite:
            # In pages: with so few it writes to its log long before the commit.
            self._sql.connection.exec_driver_sql("PRAGMA cache_size = 10")

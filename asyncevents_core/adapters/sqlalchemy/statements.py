"""What the operations of all nouns share: a connection, its clock, inserts, updates in chunks.

INSERTs of many rows are as fast as each database can: PostgreSQL takes one array per column.
For 50 deliveries at a time that costs client and server 28 µs of CPU per row, one statement per
row costs 45 (`make bench ARGS="--only inserts"`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

from attrs import field, frozen
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Row,
    Select,
    String,
    Table,
    Text,
    Update,
    bindparam,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.schema import meta

T = TypeVar("T")
Rows = Sequence[Mapping[str, Any]]

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
            for some in chunked(sorted(ids))
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
        for some in chunked(sorted(ids)):
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


@frozen(kw_only=True)
class Upsert:
    """Change these columns of a row that has the key already; without one it is passed over.

    `only_over` restricts that to rows with a value, a constant without quotes in it.
    """

    key: tuple[str, ...]
    changes: tuple[str, ...]
    only_over: tuple[str, str] | None = None


@frozen(kw_only=True)
class Insertion:
    """Statements that insert rows of one kind, prepared once. Thread-safe."""

    _one: Insert = field(alias="one")
    _many: Insert = field(alias="many")
    _arrays: Mapping[str, str] | None = field(alias="arrays")

    def execute(
        self, sql: Statements | Connection, rows: Rows, constants: Mapping[str, Any] | None = None
    ) -> None:
        """Insert rows of the same columns; `constants` are parameters of what is computed."""
        more = constants or {}
        if len(rows) == 1:
            sql.execute(self._one, {**rows[0], **more})
        elif self._arrays is None:
            sql.execute(self._many, [{**row, **more} for row in rows])
        elif rows:
            sql.execute(self._many, {**_by_column(rows, self._arrays), **more})


@frozen(kw_only=True)
class InsertionWithUpdate:
    """An insertion and an update of other rows as one statement. Thread-safe."""

    _statement: Update = field(alias="statement")
    _arrays: Mapping[str, str] = field(alias="arrays")

    def execute(self, sql: Statements, rows: Rows, parameters: Mapping[str, Any]) -> None:
        """Insert rows of the same columns; `parameters` are those of the update."""
        sql.execute(self._statement, {**_by_column(rows, self._arrays), **parameters})


def with_update(insertion: Insertion, update: Update) -> InsertionWithUpdate | None:
    """Return both as one statement, where the database has such a thing: PostgreSQL."""
    if insertion._arrays is None:
        return None
    inserted = insertion._many.cte("inserted")
    return InsertionWithUpdate(statement=update.add_cte(inserted), arrays=insertion._arrays)


def _by_column(rows: Rows, names: Mapping[str, str]) -> dict[str, list[Any]]:
    return {name: [row[column] for row in rows] for column, name in names.items()}


def insertion(
    dialect: str,
    table: Table,
    columns: Sequence[str],
    *,
    upsert: Upsert | None = None,
    computed: Mapping[str, ColumnElement[Any]] | None = None,
) -> Insertion:
    """Prepare an insertion of these columns, and of others that the database computes."""
    values = dict(computed or {})
    if dialect in {"mysql", "mariadb"}:
        statement = _on_duplicate_key(mysql.insert(table).values(values), table, upsert)
        return Insertion(one=statement, many=statement, arrays=None)
    if dialect == "sqlite":
        made = sqlite.insert(table).values(values) if values else sqlite.insert(table)
        statement = _on_conflict(made, table, upsert)
        return Insertion(one=statement, many=statement, arrays=None)
    names = {column: f"all_{column}" for column in columns}
    arrays = [bindparam(names[one], type_=_array(table.c[one])) for one in columns]
    rows = func.unnest(*arrays).table_valued(*columns).render_derived(name="new")
    source = select(*(rows.c[one] for one in columns), *values.values()).select_from(rows)
    into = postgresql.insert(table)
    return Insertion(
        one=_on_conflict(into.values(values) if values else into, table, upsert),
        many=_on_conflict(into.from_select([*columns, *values], source), table, upsert),
        arrays=names,
    )


def _array(column: Column[Any]) -> postgresql.ARRAY[Any]:
    # A cast to a text of limited length would cut what is too long; the INSERT refuses it.
    kind = column.type
    return postgresql.ARRAY(Text() if isinstance(kind, String) else kind)


def _on_conflict(
    insert: postgresql.Insert | sqlite.Insert, table: Table, upsert: Upsert | None
) -> Insert:
    if upsert is None:
        return insert.on_conflict_do_nothing()
    where = None
    if upsert.only_over is not None:
        column, value = upsert.only_over
        where = table.c[column] == literal_column(f"'{value}'")
    return insert.on_conflict_do_update(
        index_elements=list(upsert.key),
        set_={one: insert.excluded[one] for one in upsert.changes},
        where=where,
    )


def _on_duplicate_key(insert: mysql.Insert, table: Table, upsert: Upsert | None) -> Insert:
    if upsert is None:
        # Not IGNORE: that would also cut values that are too long.
        key = next(iter(table.primary_key))
        return insert.on_duplicate_key_update({key.name: table.c[key.name]})
    new = insert.inserted
    if upsert.only_over is None:
        return insert.on_duplicate_key_update({one: new[one] for one in upsert.changes})
    column, value = upsert.only_over
    # In the statement's text: PyMySQL fills in nothing behind VALUES of many rows.
    wanted: ColumnElement[str] = literal_column(f"'{value}'")
    # Assigned from left to right: the column that decides comes last.
    ordered = [one for one in upsert.changes if one != column] + [column]
    return insert.on_duplicate_key_update(
        [(one, func.if_(table.c[column] == wanted, new[one], table.c[one])) for one in ordered]
    )

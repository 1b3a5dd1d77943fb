"""INSERTs of many rows, as fast as each database can.

PostgreSQL takes one array per column, and one value for a column that is the same in all rows.
What that costs, and what one statement per row costs: `make bench ARGS="--only inserts"`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen
from sqlalchemy import (
    Column,
    ColumnElement,
    Dialect,
    Executable,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.dml import Insert

Rows = Sequence[Mapping[str, Any]]
Columns = Mapping[str, Sequence[Any]]
"""The values of each column, in the order of the rows."""


class Executes(Protocol):
    """What executes a statement: `Statements`, or a connection."""

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | Rows, /) -> object:
        """Execute a statement; once for each row of parameters where there are many."""


@frozen(kw_only=True)
class Upsert:
    """Change these columns of a row that has the key already; without one it is passed over.

    `only_over` restricts that to rows with a value, a constant without quotes in it.
    """

    key: tuple[str, ...]
    changes: tuple[str, ...]
    only_over: tuple[str, str] | None = None


class Insertion(ABC):
    """Statements that insert rows of one kind, prepared once. Thread-safe."""

    @abstractmethod
    def execute(
        self, sql: Executes, rows: Rows, constants: Mapping[str, Any] | None = None
    ) -> None:
        """Insert rows of the same columns; `constants` are parameters of what is computed."""

    @abstractmethod
    def execute_columns(
        self, sql: Executes, columns: Columns, constants: Mapping[str, Any] | None = None
    ) -> None:
        """As `execute`, of rows that are given column by column."""


class RowInsertion(Insertion):
    """A statement that is executed for each row; the driver may put rows together."""

    def __init__(self, statement: Insert) -> None:
        self._statement = statement

    def execute(
        self, sql: Executes, rows: Rows, constants: Mapping[str, Any] | None = None
    ) -> None:
        more = constants or {}
        if len(rows) == 1:
            sql.execute(self._statement, {**rows[0], **more})
        elif rows:
            sql.execute(self._statement, [{**row, **more} for row in rows])

    def execute_columns(
        self, sql: Executes, columns: Columns, constants: Mapping[str, Any] | None = None
    ) -> None:
        rows = zip(*columns.values(), strict=True)
        self.execute(sql, [dict(zip(columns, row, strict=True)) for row in rows], constants)


Complete = Callable[[Insert], Executable]
"""Puts an INSERT into a larger statement."""


class ArrayInsertion(Insertion):
    """PostgreSQL's: an array for each column, or a value where all rows have the same.

    With `complete` it is part of a larger statement, whose parameters are `constants`.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        upsert: Upsert | None,
        computed: Mapping[str, ColumnElement[Any]],
        complete: Complete | None = None,
        refusing: bool = False,
    ) -> None:
        self._table = table
        self._columns = tuple(columns)
        self._upsert = upsert
        self._computed = computed
        self._complete = complete
        self._refusing = refusing
        self._prepared: dict[tuple[str, ...], Executable] = {}

    def completed(self, complete: Complete) -> ArrayInsertion:
        """Return the same insertion as part of a larger statement."""
        return ArrayInsertion(
            self._table,
            self._columns,
            upsert=self._upsert,
            computed=self._computed,
            complete=complete,
            refusing=self._refusing,
        )

    def execute(
        self, sql: Executes, rows: Rows, constants: Mapping[str, Any] | None = None
    ) -> None:
        columns = {column: [row[column] for row in rows] for column in self._columns}
        self.execute_columns(sql, columns, constants)

    def execute_columns(
        self, sql: Executes, columns: Columns, constants: Mapping[str, Any] | None = None
    ) -> None:
        number = len(columns[self._columns[0]])
        if not number:
            return
        parameters: dict[str, Any] = dict(constants or {})
        different: list[str] = []
        for column in self._columns:
            values = columns[column]
            # The last one first: ids, which are slow to compare, differ in that.
            if values[0] == values[-1] and values.count(values[0]) == len(values):
                parameters[_value(column)] = values[0]
            else:
                parameters[_array(column)] = values
                different.append(column)
        if not different and number > 1:
            # As many rows as there are, even if all of them are the same.
            different.append(self._columns[0])
            parameters[_array(different[0])] = [parameters.pop(_value(different[0]))] * number
        key = tuple(different)
        statement = self._prepared.get(key)
        if statement is None:
            statement = self._prepared[key] = self._prepare(key)
        sql.execute(statement, parameters)

    def _prepare(self, different: Sequence[str]) -> Executable:
        values: dict[str, ColumnElement[Any]] = {
            one: bindparam(_value(one), type_=self._table.c[one].type) for one in self._columns
        }
        inserted = postgresql.insert(self._table)
        if different:
            arrays = [
                bindparam(_array(one), type_=_arrays(self._table.c[one])) for one in different
            ]
            rows = func.unnest(*arrays).table_valued(*different).render_derived(name="new")
            values.update((one, rows.c[one]) for one in different)
            values.update(self._computed)
            inserted = inserted.from_select(
                list(values), select(*values.values()).select_from(rows)
            )
        else:
            inserted = inserted.values({**values, **self._computed})
        statement: Insert = inserted
        if not self._refusing:
            statement = _on_conflict(inserted, self._table, self._upsert)
        return statement if self._complete is None else self._complete(statement)


def _value(column: str) -> str:
    return f"the_{column}"


def _array(column: str) -> str:
    return f"all_{column}"


def insertion(
    dialect: str,
    table: Table,
    columns: Sequence[str],
    *,
    upsert: Upsert | None = None,
    computed: Mapping[str, ColumnElement[Any]] | None = None,
    refusing: bool = False,
) -> Insertion:
    """Prepare an insertion of these columns, and of others that the database computes.

    With `refusing` a row that breaks a unique key is an error, of the driver's, instead of being
    passed over: PostgreSQL and MariaDB need not look for it then before they insert.
    """
    values = dict(computed or {})
    if dialect in {"mysql", "mariadb"}:
        in_mysql = mysql.insert(table).values(values)
        return RowInsertion(in_mysql if refusing else _on_duplicate_key(in_mysql, table, upsert))
    if dialect == "sqlite":
        made = sqlite.insert(table).values(values) if values else sqlite.insert(table)
        return RowInsertion(made if refusing else _on_conflict(made, table, upsert))
    return ArrayInsertion(table, columns, upsert=upsert, computed=values, refusing=refusing)


def completed(insertion: Insertion, complete: Complete) -> Insertion | None:
    """Return an insertion as part of a larger statement, where PostgreSQL is the database.

    None where it is another one: they have no INSERT in a WITH.
    """
    return insertion.completed(complete) if isinstance(insertion, ArrayInsertion) else None


def _arrays(column: Column[Any]) -> postgresql.ARRAY[Any]:
    # A cast to a text of limited length would cut what is too long; the INSERT refuses it.
    kind = column.type
    if isinstance(kind, LargeBinary):
        return postgresql.ARRAY(_PlainBytes())
    return postgresql.ARRAY(Text() if isinstance(kind, String) else kind)


class _PlainBytes(LargeBinary):
    """Bytes as they are: PostgreSQL's drivers take them, and each need not be wrapped before."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Return what makes a parameter of bytes: nothing has to."""


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

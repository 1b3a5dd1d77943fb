"""How many rows are written: one statement per row, or one array per column."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.dialects import postgresql

from asyncevents_core.adapters.sqlalchemy.deliveries import delivery_values
from asyncevents_core.adapters.sqlalchemy.schema import delivery
from asyncevents_core.adapters.sqlalchemy.sessions import SessionLimits, open_engine
from asyncevents_core.adapters.sqlalchemy.statements import insertion
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.testing.builders import make_delivery
from tests.benchmarks.figures import Columns, Figure, Findings
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.scenario import Context, Scenario

_SIZES: Final = (1, 10, 50, 200)
_ROWS: Final = 4_000

Write = Callable[[sa.Connection, list[dict[str, object]]], None]


@frozen(kw_only=True)
class Cost:
    """Microseconds of CPU per row."""

    client: float
    server: float


class Inserts(Scenario):
    """CPU per row for batches of deliveries, on PostgreSQL; a commit per batch.

    "per row" is SQLAlchemy's executemany, which psycopg sends as a pipeline of statements;
    "arrays" is what the ledger does: one statement that unnests an array per column.
    """

    name = "inserts"
    title = "Writing many rows"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        per_row = postgresql.insert(delivery).on_conflict_do_nothing()
        arrays = insertion("postgresql", delivery, [column.name for column in delivery.c])
        ways: dict[str, Write] = {
            "per row": lambda connection, batch: _discard(connection.execute(per_row, batch)),
            "arrays": lambda connection, batch: arrays.execute(connection, batch),
        }
        found = context.in_turn(
            {
                f"{way}, {size} at a time": functools.partial(_measure, context, write, size)
                for size in _SIZES
                for way, write in ways.items()
            }
        )
        figures = [
            Figure(name=f"{name}: {part}", unit="µs per row", values=values)
            for name, costs in found.items()
            for part, values in (
                ("client", [one.client for one in costs]),
                ("server", [one.server for one in costs]),
            )
        ]
        return Findings(
            figures=figures,
            columns=[
                Columns(
                    name="inserts",
                    title=self.title,
                    unit="µs of CPU per row",
                    groups={
                        f"{size} at a time": {
                            way: tuple(
                                one.client + one.server for one in found[f"{way}, {size} at a time"]
                            )
                            for way in ways
                        }
                        for size in _SIZES
                    },
                )
            ],
        )


def _measure(context: Context, write: Write, size: int) -> Cost:
    with context.on_servers() as project:
        engine = open_engine(str(project.settings["LEDGER_URL"]), LedgerOptions(), SessionLimits())
        made = [delivery_values(make_delivery()) for _ in range(_ROWS)]
        batches = [made[start : start + size] for start in range(0, _ROWS, size)]
        with engine.connect() as connection:
            (backend,) = connection.exec_driver_sql("SELECT pg_backend_pid()").one()
            write(connection, [delivery_values(make_delivery()) for _ in range(size)])
            connection.commit()
            client, server = time.process_time(), cpu_seconds(backend)
            for batch in batches:
                write(connection, batch)
                connection.commit()
            client, server = time.process_time() - client, cpu_seconds(backend) - server
        engine.dispose()
    return Cost(client=client / _ROWS * 1e6, server=server / _ROWS * 1e6)


def _discard(_: object) -> None:
    """Take what a statement returns, and nothing of it."""

"""What PostgreSQL counts about a ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from attrs import frozen

from tests.integration.project import Project

_CHECKPOINTER: Final = 170_000
"""Since this version the checkpointer has a view of its own."""
_PATIENCE: Final = 600.0


@frozen(kw_only=True)
class Activity:
    """What PostgreSQL counts: blocks of a database, what the server writes in the background.

    `hit` were in its buffers, `read` were not. `checkpoints` have begun; `written` are blocks that
    checkpoints, the background writer and sessions wrote, of all databases. `wal` are bytes.
    """

    hit: int
    read: int
    wal: int
    checkpoints: int
    written: int

    def since(self, before: Activity) -> Activity:
        """Return what was added."""
        return Activity(
            hit=self.hit - before.hit,
            read=self.read - before.read,
            wal=self.wal - before.wal,
            checkpoints=self.checkpoints - before.checkpoints,
            written=self.written - before.written,
        )


@frozen(kw_only=True)
class Volume:
    """Bytes: the position in the write-ahead log of the server, all tables, all indexes."""

    wal: int
    tables: int
    indexes: int

    def since(self, before: Volume) -> Volume:
        """Return what was added."""
        return Volume(
            wal=self.wal - before.wal,
            tables=self.tables - before.tables,
            indexes=self.indexes - before.indexes,
        )


@contextmanager
def connected(project: Project) -> Iterator[psycopg.Connection[Any]]:
    """Return a connection to the project's ledger, committing each statement."""
    url = project.settings["LEDGER_URL"].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def volume(connection: psycopg.Connection[Any]) -> Volume:
    """Read how much there is."""
    wal, tables, indexes = connection.execute(
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), sum(pg_table_size(relid)),"
        " sum(pg_indexes_size(relid)) FROM pg_stat_user_tables"
    ).fetchone() or (0, 0, 0)
    return Volume(wal=int(wal), tables=int(tables), indexes=int(indexes))


def activity(connection: psycopg.Connection[Any]) -> Activity:
    """Read the counters. What a session did counts a second later, or when it ends."""
    if connection.info.server_version >= _CHECKPOINTER:
        begun = "(SELECT num_timed + num_requested FROM pg_stat_checkpointer)"
        written = (
            "(SELECT buffers_written FROM pg_stat_checkpointer)"
            " + (SELECT buffers_clean FROM pg_stat_bgwriter)"
            " + (SELECT coalesce(sum(writes), 0) FROM pg_stat_io"
            "    WHERE backend_type = 'client backend')"
        )
    else:
        begun = "(SELECT checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter)"
        written = (
            "(SELECT buffers_checkpoint + buffers_clean + buffers_backend FROM pg_stat_bgwriter)"
        )
    hit, read, wal, checkpoints, blocks = connection.execute(
        f"SELECT blks_hit, blks_read, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), {begun},"
        f" {written} FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone() or (0, 0, 0, 0, 0)
    return Activity(hit=hit, read=read, wal=int(wal), checkpoints=checkpoints, written=int(blocks))


def vacuuming(connection: psycopg.Connection[Any]) -> int:
    """Return how many autovacuum workers there are, in all databases."""
    (found,) = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
    ).fetchone() or (0,)
    return int(found)


@contextmanager
def without_autovacuum(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Let the server begin no autovacuum while the block runs, and end those under way first.

    Raises `TimeoutError` if one goes on for ten minutes.
    """
    _switch_autovacuum(connection, "off")
    try:
        until = time.monotonic() + _PATIENCE
        while vacuuming(connection):
            if time.monotonic() > until:
                raise TimeoutError(f"an autovacuum has not ended in {_PATIENCE:g} s")
            time.sleep(0.1)
        yield
    finally:
        _switch_autovacuum(connection, "on")


def _switch_autovacuum(connection: psycopg.Connection[Any], value: str) -> None:
    connection.execute(f"ALTER SYSTEM SET autovacuum = {value}")
    connection.execute("SELECT pg_reload_conf()")


def count(connection: psycopg.Connection[Any], table: str) -> int:
    """Return how many rows a table has."""
    (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)
    return int(found)


def dead_rows(connection: psycopg.Connection[Any]) -> Mapping[str, int]:
    """Return the estimated dead rows by table.

    Sessions report what they did once a second at most, and when they end.
    """
    return dict(
        connection.execute("SELECT relname, n_dead_tup FROM pg_stat_user_tables ORDER BY 1")
    )


@contextmanager
def snapshot(project: Project) -> Iterator[None]:
    """Hold a snapshot of the ledger while the block runs, in a transaction that is idle.

    Raises at the end if the server ended the session before.
    """
    with connected(project) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM pg_stat_user_tables")
        yield
        connection.execute("COMMIT")

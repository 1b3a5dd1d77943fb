"""What the database says of itself: whether it writes, who holds locks, how much room there is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError

from asyncevents_core.adapters.sqlalchemy.dialects import quoted
from asyncevents_core.adapters.sqlalchemy.schema import PREFIX
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.ports.ledger.server import Holder, Locks, ServerView

# Each row is one who holds locks and, where somebody waits for that, one who waits.
_POSTGRESQL: Final = text("""
    SELECT holder.pid AS number, concat_ws(', ',
               concat(holder.usename, '@', coalesce(host(holder.client_addr), 'local')),
               nullif(holder.application_name, '')) AS who,
           coalesce(holder.state, 'unknown') AS doing,
           EXTRACT(EPOCH FROM clock_timestamp() - coalesce(holder.state_change, holder.xact_start))
               AS seconds,
           waiter.pid AS waiter,
           EXTRACT(EPOCH FROM clock_timestamp() - waiter.query_start) AS waited
    FROM pg_stat_activity holder
    LEFT JOIN (
        SELECT pid, query_start, unnest(pg_blocking_pids(pid)) AS blocked_by
        FROM pg_stat_activity WHERE datname = current_database()
    ) waiter ON waiter.blocked_by = holder.pid
    WHERE holder.datname = current_database() AND holder.pid <> pg_backend_pid()
      AND (waiter.pid IS NOT NULL
           OR (holder.state LIKE 'idle in transaction%'
               AND clock_timestamp() - holder.state_change > make_interval(secs => :idle)
               AND EXISTS (SELECT 1 FROM pg_locks held JOIN pg_class ON pg_class.oid = held.relation
                           WHERE held.pid = holder.pid AND held.mode <> 'AccessShareLock'
                             AND pg_class.relname LIKE :tables
                             AND pg_class.relnamespace = coalesce(
                                 to_regnamespace(CAST(:schema AS text)), pg_class.relnamespace))))
""")
_HIDDEN: Final = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND query = '<insufficient privilege>'
""")
# InnoDB answers from a copy that it renews only when nobody asked for 0.1 s: who asks more often
# than that sees what was first seen, for ever (MySQL's manual, "InnoDB INFORMATION_SCHEMA
# Transaction and Locking Information").
_INNODB: Final = """
    SELECT holder.trx_mysql_thread_id AS number, concat(session.user, '@', session.host) AS who,
           CASE session.command WHEN 'Sleep' THEN 'idle in transaction' ELSE 'active' END AS doing,
           session.time AS seconds, waiting.waiter AS waiter, waiting.waited AS waited
    FROM information_schema.innodb_trx holder
    JOIN information_schema.processlist session ON session.id = holder.trx_mysql_thread_id
    LEFT JOIN ({waiting}) waiting ON waiting.blocked_by = holder.trx_mysql_thread_id
    WHERE session.id <> connection_id()
      AND (waiting.waiter IS NOT NULL
           OR (session.command = 'Sleep' AND session.time >= :idle AND session.db = database()
               AND holder.trx_rows_locked > 0))
"""
_MARIADB: Final = text(
    _INNODB.format(
        waiting="""
        SELECT requesting.trx_mysql_thread_id AS waiter, blocking.trx_mysql_thread_id AS blocked_by,
               timestampdiff(SECOND, requesting.trx_wait_started, now()) AS waited
        FROM information_schema.innodb_lock_waits waits
        JOIN information_schema.innodb_trx requesting ON requesting.trx_id = waits.requesting_trx_id
        JOIN information_schema.innodb_trx blocking ON blocking.trx_id = waits.blocking_trx_id
        """
    )
)
_MYSQL: Final = text(
    _INNODB.format(
        waiting="""
        SELECT waiting_pid AS waiter, blocking_pid AS blocked_by, wait_age_secs AS waited
        FROM sys.innodb_lock_waits
        """
    )
)
_PROCESS: Final = "GRANT PROCESS ON *.* shows them"


class SqlServerView(Noun, ServerView):
    """See `ServerView`."""

    def read_only(self) -> str | None:
        if self._sql.dialect.is_sqlite:
            return None
        if self._sql.dialect.name == "postgresql":
            if self._value("SELECT pg_is_in_recovery()"):
                return "it is a standby (pg_is_in_recovery)"
            if self._value("SELECT current_setting('default_transaction_read_only')") == "on":
                return "default_transaction_read_only is on"
            return None
        return "read_only is on" if self._value("SELECT @@global.read_only") else None

    def locks(self, *, idle: float) -> Locks:
        if self._sql.dialect.is_sqlite:
            return Locks()
        if self._sql.dialect.name == "postgresql":
            schema = self._sql.dialect.schema
            wanted = {
                "idle": idle,
                "tables": PREFIX.replace("_", r"\_") + "%",
                "schema": None if schema is None else quoted(schema),
            }
            found = _holders(
                self._sql.execute(_POSTGRESQL, wanted), end="SELECT pg_terminate_backend({})"
            )
            hidden = self._sql.execute(_HIDDEN).scalar_one()
            unseen = None
            if hidden:
                unseen = f"{hidden} sessions of other users: GRANT pg_read_all_stats shows them"
            return Locks(holders=found, unseen=unseen)
        is_mariadb = "mariadb" in str(self._value("SELECT version()")).lower()
        try:
            # A statement that is refused does not end the transaction here.
            rows = self._sql.execute(_MARIADB if is_mariadb else _MYSQL, {"idle": idle})
            return Locks(holders=_holders(rows, end="KILL {}"))
        except DBAPIError as error:
            return Locks(unseen=f"transactions of others: {_PROCESS} ({error.orig})")

    def free_bytes(self) -> int | None:
        if not self._sql.dialect.is_sqlite:
            return None
        rows = self._sql.connection.exec_driver_sql("PRAGMA database_list")
        file = next((row.file for row in rows if row.name == "main"), None)
        try:
            return shutil.disk_usage(Path(file).parent).free if file else None
        except OSError:
            return None

    def _value(self, sql: str) -> Any:
        return self._sql.execute(text(sql)).scalar()


def _holders(rows: Iterable[Row[Any]], *, end: str) -> Sequence[Holder]:
    """Return those who hold locks, each once, with how many wait for it. `end` ends a session."""
    found: dict[int, Holder] = {}
    for row in rows:
        holder = found.get(row.number) or Holder(
            number=row.number,
            who=row.who,
            doing=row.doing,
            seconds=float(row.seconds or 0.0),
            waiting=0,
            longest_wait=0.0,
            ended_by=end.format(row.number),
        )
        if row.waiter is not None:
            holder = evolve(
                holder,
                waiting=holder.waiting + 1,
                longest_wait=max(holder.longest_wait, float(row.waited or 0.0)),
            )
        found[row.number] = holder
    return sorted(found.values(), key=lambda one: (-one.waiting, -one.seconds))

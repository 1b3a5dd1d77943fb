"""The databases of the tests, and a pooler before one."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import pymysql
import sqlalchemy as sa

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.adapters.sqlalchemy.schema import meta
from tests.services.needs import MARIADB, PGBOUNCER, PGBOUNCER_PROGRAM, POSTGRESQL
from tests.services.server import Server, program

_WITH_ROWS: Final = ("alembic_version", "asyncevents_meta")
"""How tables of a ledger are named that are never empty."""


class Database(Server):
    """A database server that makes empty databases."""

    most_connections: ClassVar[int] = 300
    connect_args: ClassVar[Mapping[str, object]] = {}
    """For the connections of the tests' own, which are many and short."""

    @property
    @abstractmethod
    def admin_url(self) -> str:
        """URL of a database that is always there."""

    @cached_property
    def database(self) -> str:
        """URL of one database with a ledger, for many tests: `wipe` it before each."""
        return self.new_ledger()

    def wipe(self) -> None:
        """Empty all tables of `database`; the ledger keeps its version and its id."""
        self.wipe_one(self.database)

    def wipe_one(self, url: str, *, schema: str | None = None) -> None:
        """Empty all tables of a database, or of one of its schemas, as `wipe` does."""
        engine = self._engine(url)
        place = "" if schema is None else f'"{schema}".'
        with engine.begin() as connection:
            tables = sa.inspect(connection).get_table_names(schema=schema)
            names = [name for name in tables if not name.endswith(_WITH_ROWS)]
            # To empty one that is empty costs as much as any.
            used = {
                name
                for statement in self._finding_used(names, place)
                for name in connection.exec_driver_sql(statement).scalars()
            }
            emptied = [f"{place}{name}" for name in names if name in used]
            for statement in self._emptying(emptied) if emptied else ():
                connection.exec_driver_sql(statement)
            if "asyncevents_meta" in tables:
                connection.exec_driver_sql(
                    f"UPDATE {place}asyncevents_meta SET subscription_epoch = 0"
                )
        engine.dispose()

    def _finding_used(self, tables: Sequence[str], place: str) -> Iterable[str]:
        """Statements that return the names of tables with rows, or that gave serial numbers."""
        if tables:
            yield " UNION ALL ".join(
                f"(SELECT '{name}' FROM {place}{name} LIMIT 1)" for name in tables
            )
        yield self.tables_that_counted

    @property
    @abstractmethod
    def tables_that_counted(self) -> str:
        """The statement that returns the names of tables that gave a serial number."""

    @abstractmethod
    def _emptying(self, tables: Sequence[str]) -> Iterable[str]:
        """Statements that empty these tables and let serial numbers begin anew."""

    def new_database(self) -> str:
        """Make a database and return its SQLAlchemy URL."""
        return self._make("CREATE DATABASE {name}")

    def new_ledger(self) -> str:
        """Make a database with an empty ledger, upgraded already, and return its SQLAlchemy URL.

        A copy, with an id of its own: migrating takes longer than most tests.
        """
        url = self._make(*self._copying)
        engine = self._engine(url)
        with engine.begin() as connection:
            connection.execute(meta.update().values(ledger_id=uuid.uuid4()))
        engine.dispose()
        return url

    @cached_property
    def _copying(self) -> Sequence[str]:
        """Statements that make a copy of a ledger's database under another name."""
        url = self.new_database()
        ledger = SqlLedger(url, cipher=Cipher([]))
        ledger.upgrade()
        ledger.close()
        return self._copies(url)

    @abstractmethod
    def _copies(self, url: str) -> Sequence[str]:
        """Return statements that copy a database that nobody uses to a new one, `{name}`."""

    def _engine(self, url: str, **options: Any) -> sa.Engine:
        return sa.create_engine(url, connect_args=dict(self.connect_args), **options)

    def _make(self, *statements: str) -> str:
        """Run statements with the name of a new database, and return its URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        engine = self._engine(self.admin_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.format(name=name))
        engine.dispose()
        made = sa.make_url(self.admin_url).set(database=name)
        return made.render_as_string(hide_password=False)


class PostgreSql(Database):
    """PostgreSQL. Without fsync: what a killed process wrote is in the system's cache."""

    needs = POSTGRESQL
    user = "postgres"

    @property
    def admin_url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def command(self) -> Sequence[str]:
        return [
            program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}",
            "-c", "fsync=off", "-c", f"max_connections={self.most_connections}",
        ]  # fmt: skip

    def answers(self) -> None:
        engine = sa.create_engine(self.admin_url, connect_args={"connect_timeout": 5})
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        finally:
            engine.dispose()

    @property
    def tables_that_counted(self) -> str:
        return (
            "SELECT its_table.relname FROM pg_sequences known"
            " JOIN pg_class one ON one.relname = known.sequencename AND one.relkind = 'S'"
            " JOIN pg_depend held ON held.objid = one.oid AND held.deptype IN ('a', 'i')"
            " JOIN pg_class its_table ON its_table.oid = held.refobjid"
            " WHERE known.last_value IS NOT NULL"
        )

    def stop(self) -> None:
        # SIGTERM waits for clients to leave; SIGINT does not.
        self._signal(signal.SIGINT)

    def _copies(self, url: str) -> Sequence[str]:
        return [f"CREATE DATABASE {{name}} TEMPLATE {sa.make_url(url).database}"]

    def _emptying(self, tables: Sequence[str]) -> Iterable[str]:
        # Also what refers to them, as kombu's messages do to their queues.
        yield f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"

    def _prepare(self) -> None:
        self._run(
            program("initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust",
            "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip


class PgBouncer(Server):
    """PgBouncer in transaction mode before a PostgreSQL, of whose sessions it has few.

    `max_prepared_statements` None: not said, as for versions before 1.21, which do not know it.
    """

    needs = PGBOUNCER
    user = "postgres"

    def __init__(self, upstream: PostgreSql, *, max_prepared_statements: int | None = None) -> None:
        self._upstream = upstream
        self._max_prepared_statements = max_prepared_statements
        super().__init__()

    def before(self, url: str) -> str:
        """Return the URL of a database of the upstream, through this pooler."""
        return sa.make_url(url).set(port=self.port).render_as_string(hide_password=False)

    @property
    def command(self) -> Sequence[str]:
        return [self._program, str(self._settings)]

    def answers(self) -> None:
        url = self.before(self._upstream.admin_url)
        engine = sa.create_engine(url, connect_args={"connect_timeout": 5})
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        finally:
            engine.dispose()

    def _launch(self) -> subprocess.Popen[bytes]:
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={self._upstream.port} user=postgres",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = any",
            "pool_mode = transaction",
            "default_pool_size = 5",
            "max_client_conn = 300",
        ]
        if self._max_prepared_statements is not None:
            lines.append(f"max_prepared_statements = {self._max_prepared_statements}")
        self._settings.write_text("\n".join(lines) + "\n")
        self._own(self._settings)
        return super()._launch()

    @property
    def _settings(self) -> Path:
        return self.folder / "pgbouncer.ini"

    @property
    def _program(self) -> str:
        return os.environ.get(PGBOUNCER_PROGRAM) or program("pgbouncer")


class MariaDb(Database):
    """MariaDB, durable as it comes."""

    needs = MARIADB
    user = "mysql"
    # PyMySQL would read all certificates that the system trusts, for each of them.
    connect_args: ClassVar[Mapping[str, object]] = {"ssl_disabled": True}

    @property
    def admin_url(self) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/mysql?charset=utf8mb4"

    @property
    def command(self) -> Sequence[str]:
        return [
            program("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}",
            f"--port={self.port}", "--bind-address=127.0.0.1",
            f"--max-connections={self.most_connections}",
            f"--socket={self.folder / 's'}", f"--pid-file={self.folder / 'pid'}",
            f"--tmpdir={self.folder}",
        ]  # fmt: skip

    @property
    def tables_that_counted(self) -> str:
        return (
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND auto_increment > 1"
        )

    def answers(self) -> None:
        pymysql.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=5).close()

    def _copies(self, url: str) -> Sequence[str]:
        engine = self._engine(url)
        with engine.connect() as connection:
            inspector = sa.inspect(connection)
            tables = inspector.get_table_names()
            # LIKE leaves them out: a copy would allow what a ledger does not.
            assert not any(map(inspector.get_foreign_keys, tables))
        engine.dispose()
        source = sa.make_url(url).database
        return [
            "CREATE DATABASE {name}",
            *(f"CREATE TABLE {{name}}.{one} LIKE {source}.{one}" for one in tables),
            # The others are empty.
            *(
                f"INSERT INTO {{name}}.{one} SELECT * FROM {source}.{one}"
                for one in tables
                if one.endswith(_WITH_ROWS)
            ),
        ]

    def _emptying(self, tables: Sequence[str]) -> Iterable[str]:
        yield "SET FOREIGN_KEY_CHECKS = 0"
        yield from (f"TRUNCATE TABLE {name}" for name in tables)
        yield "SET FOREIGN_KEY_CHECKS = 1"

    def _prepare(self) -> None:
        self._run(
            program("mariadb-install-db"), "--no-defaults", f"--datadir={self.folder / 'data'}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
            # Its temporary tables are named after its process: containers may share /tmp.
            f"--tmpdir={self.folder}",
        )  # fmt: skip

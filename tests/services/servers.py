"""The databases and brokers of the tests."""

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

import kombu
import pymysql
import redis
import sqlalchemy as sa

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.kombu.protocol import DEAD_LETTERS, INIT, QUARANTINE, RETRY, TRIGGER
from asyncevents_core.adapters.kombu.retries import LADDER
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.adapters.sqlalchemy.schema import meta
from tests.services.leash import Leash
from tests.services.needs import (
    MARIADB,
    PGBOUNCER,
    PGBOUNCER_PROGRAM,
    POSTGRESQL,
    RABBITMQ,
    REDIS,
)
from tests.services.ports import free_port
from tests.services.server import Server, program

_WITH_ROWS: Final = ("alembic_version", "asyncevents_meta")
"""How tables of a ledger are named that are never empty."""


class Redis(Server):
    """Redis without persistence: killed, it forgets everything."""

    needs = REDIS

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def command(self) -> Sequence[str]:
        return [
            program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", str(self.folder), "--save", "", "--appendonly", "no",
        ]  # fmt: skip

    def answers(self) -> None:
        client = redis.Redis(port=self.port, socket_timeout=5)
        client.ping()
        client.close()

    def clear(self) -> None:
        client = redis.Redis(port=self.port)
        client.flushall()
        client.close()


class Sentinel(Server):
    """One Sentinel, which alone decides that its master is down, by the name `mymaster`."""

    needs = REDIS
    password = "watchword"

    def __init__(self, master: Redis) -> None:
        self._master = master
        super().__init__()

    @property
    def url(self) -> str:
        return f"sentinel://127.0.0.1:{self.port}/0"

    @property
    def command(self) -> Sequence[str]:
        return [program("redis-server"), str(self.folder / "sentinel.conf"), "--sentinel"]

    def answers(self) -> None:
        self.master()

    def master(self) -> int:
        """Return the port of the Redis that writes."""
        client = redis.Redis(port=self.port, password=self.password, socket_timeout=5)
        found = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
        client.close()
        return int(found[1])

    def replicas(self) -> int:
        """Return how many replicas it knows."""
        client = redis.Redis(port=self.port, password=self.password, socket_timeout=5)
        found = client.execute_command("SENTINEL", "REPLICAS", "mymaster")
        client.close()
        return len(found)

    def _launch(self) -> subprocess.Popen[bytes]:
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.folder}",
            f"requirepass {self.password}",
            f"sentinel monitor mymaster 127.0.0.1 {self._master.port} 1",
            "sentinel down-after-milliseconds mymaster 1000",
            "sentinel failover-timeout mymaster 3000",
        ]
        (self.folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
        return super()._launch()


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


class RabbitMq(Server):
    """RabbitMQ, with a name server (epmd) of its own."""

    needs = RABBITMQ

    def __init__(self) -> None:
        self._epmd: subprocess.Popen[bytes] | None = None
        self._leash_of_epmd: Leash | None = None
        super().__init__()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def command(self) -> Sequence[str]:
        return [program("rabbitmq-server")]

    def remove(self) -> None:
        super().remove()
        self._end_names()

    def answers(self) -> None:
        with kombu.Connection(self.url, connect_timeout=5) as connection:
            connection.connect()
            connection.channel().close()

    def clear(self, prefix: str = "") -> None:
        """Delete all queues of asyncevents whose names begin so."""
        delays = [f"event.delay.{seconds}" for seconds in LADDER]
        with kombu.Connection(self.url) as connection:
            channel = connection.channel()
            for queue in (TRIGGER, QUARANTINE, RETRY, DEAD_LETTERS, INIT, *delays):
                channel.queue_delete(prefix + queue)

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` and return what it prints."""
        done = subprocess.run(
            [program("rabbitmqctl"), "--quiet", *arguments],
            cwd=self.folder,
            env={**os.environ, **self._environment()},
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout

    def _launch(self) -> subprocess.Popen[bytes]:
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                [program("epmd"), "-port", str(self._ports["epmd"]), "-address", "127.0.0.1"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._leash_of_epmd = Leash(self._epmd.pid)
        return super()._launch()

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self._ports = {"epmd": free_port(), "dist": free_port()}

    def _choose_other_ports(self) -> None:
        self._end_names()
        super()._choose_other_ports()

    def _end_names(self) -> None:
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(10)
            self._epmd = None
        if self._leash_of_epmd is not None:
            self._leash_of_epmd.let_go()
            self._leash_of_epmd = None

    def _environment(self) -> Mapping[str, str]:
        inside = {
            "RABBITMQ_MNESIA_BASE": "mnesia",
            "RABBITMQ_LOG_BASE": "log",
            "RABBITMQ_PID_FILE": "pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "plugins",
            "RABBITMQ_CONFIG_FILE": "rabbitmq",
            "RABBITMQ_GENERATED_CONFIG_DIR": "config",
        }
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"asyncevents{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._ports["dist"]),
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            **{name: str(self.folder / path) for name, path in inside.items()},
        }

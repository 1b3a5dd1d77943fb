"""Servers of the tests' own: on private ports and folders, started, killed and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import kombu
import pymysql
import redis
import sqlalchemy as sa

from asyncevents_core.adapters.kombu.protocol import DEAD_LETTERS, INIT, QUARANTINE, RETRY, TRIGGER
from asyncevents_core.adapters.kombu.retries import LADDER
from tests.services.needs import (
    MARIADB,
    POSTGRESQL,
    RABBITMQ,
    REDIS,
    Service,
    find_program,
)
from tests.services.ports import free_port


class Server(ABC):
    """A server process in a folder of its own. `start` returns when it answers."""

    needs: ClassVar[Service]
    user: ClassVar[str | None] = None
    """Who runs it where the tests run as root, which these servers refuse."""
    start_timeout: ClassVar[float] = 300.0
    """Seconds, for all attempts together; a busy machine needs more than one minute."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"asyncevents-{self.needs.name.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._has_answered = False
        self._choose_ports()
        self._own(self.folder)
        self._prepare()

    @property
    @abstractmethod
    def command(self) -> Sequence[str]:
        """The command line, in the foreground."""

    @abstractmethod
    def answers(self) -> None:
        """Raise unless a client can work with it."""

    def start(self) -> None:
        until = time.monotonic() + self.start_timeout
        process = self._launch()
        while True:
            try:
                self.answers()
            except Exception as error:
                if time.monotonic() > until:
                    raise self._failed(error) from error
                ended = process.poll() is not None
                # A killed predecessor may hold its port or memory for a moment.
                time.sleep(0.2 if ended else 0.05)
                if ended:
                    if not self._has_answered:
                        # Something else may have taken a port. Once it answered, clients know it.
                        self._choose_other_ports()
                    process = self._launch()
            else:
                self._has_answered = True
                return

    def kill(self) -> None:
        """SIGKILL to the server and all its children."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing answers."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def remove(self) -> None:
        """Stop for good, and leave nothing behind."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self) -> subprocess.Popen[bytes]:
        with open(self.folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self._environment()},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._as_user(),
            )
        return self._process

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _choose_other_ports(self) -> None:
        self._choose_ports()

    def _prepare(self) -> None:  # noqa: B027 - most need nothing
        """Make what the first start needs."""

    def _environment(self) -> Mapping[str, str]:
        return {}

    def _failed(self, error: Exception) -> RuntimeError:
        log = (self.folder / "server.log").read_text(errors="replace")[-3000:]
        return RuntimeError(f"{self.needs.name} does not start: {error}\n{log}")

    def _run(self, *command: str) -> None:
        subprocess.run(
            command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, **self._as_user()
        )

    def _as_user(self) -> dict[str, Any]:
        if self.user is None or os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _own(self, path: Path) -> None:
        if self.user is not None and os.geteuid() == 0:
            shutil.chown(path, self.user)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _signal(self, number: signal.Signals) -> None:
        self._send(number)
        if self._process is not None:
            self._process.wait(30)
            self._process = None


class Redis(Server):
    """Redis without persistence: killed, it forgets everything."""

    needs = REDIS

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def command(self) -> Sequence[str]:
        return [
            _program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
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


class Database(Server):
    """A database server that makes empty databases."""

    @property
    @abstractmethod
    def admin_url(self) -> str:
        """URL of a database that is always there."""

    @cached_property
    def database(self) -> str:
        """URL of one database for many tests: `wipe` it before each."""
        return self.new_database()

    def wipe(self) -> None:
        """Empty all tables of `database`, the ledger's version table aside."""
        engine = sa.create_engine(self.database)
        with engine.begin() as connection:
            tables = sa.inspect(connection).get_table_names()
            names = [name for name in tables if not name.endswith("alembic_version")]
            for statement in self._emptying(names) if names else ():
                connection.exec_driver_sql(statement)
            if "asyncevents_meta" in names:
                connection.exec_driver_sql("INSERT INTO asyncevents_meta VALUES (1, 0)")
        engine.dispose()

    @abstractmethod
    def _emptying(self, tables: Sequence[str]) -> Iterable[str]:
        """Statements that empty these tables and let serial numbers begin anew."""

    def new_database(self) -> str:
        """Make a database and return its SQLAlchemy URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        engine = sa.create_engine(self.admin_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
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
            _program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}",
            "-c", "fsync=off", "-c", "max_connections=300",
        ]  # fmt: skip

    def answers(self) -> None:
        engine = sa.create_engine(self.admin_url, connect_args={"connect_timeout": 5})
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        finally:
            engine.dispose()

    def stop(self) -> None:
        # SIGTERM waits for clients to leave; SIGINT does not.
        self._signal(signal.SIGINT)

    def _emptying(self, tables: Sequence[str]) -> Iterable[str]:
        yield f"TRUNCATE {', '.join(tables)} RESTART IDENTITY"

    def _prepare(self) -> None:
        self._run(
            _program("initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust",
            "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip


class MariaDb(Database):
    """MariaDB, durable as it comes."""

    needs = MARIADB
    user = "mysql"

    @property
    def admin_url(self) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/mysql?charset=utf8mb4"

    @property
    def command(self) -> Sequence[str]:
        return [
            _program("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}",
            f"--port={self.port}", "--bind-address=127.0.0.1", "--max-connections=300",
            f"--socket={self.folder / 's'}", f"--pid-file={self.folder / 'pid'}",
        ]  # fmt: skip

    def answers(self) -> None:
        pymysql.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=5).close()

    def _emptying(self, tables: Sequence[str]) -> Iterable[str]:
        yield "SET FOREIGN_KEY_CHECKS = 0"
        yield from (f"TRUNCATE TABLE {name}" for name in tables)
        yield "SET FOREIGN_KEY_CHECKS = 1"

    def _prepare(self) -> None:
        self._run(
            _program("mariadb-install-db"), "--no-defaults", f"--datadir={self.folder / 'data'}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        )  # fmt: skip


class RabbitMq(Server):
    """RabbitMQ, with a name server (epmd) of its own."""

    needs = RABBITMQ

    def __init__(self) -> None:
        self._epmd: subprocess.Popen[bytes] | None = None
        super().__init__()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def command(self) -> Sequence[str]:
        return [_program("rabbitmq-server")]

    def remove(self) -> None:
        super().remove()
        self._end_names()

    def answers(self) -> None:
        with kombu.Connection(self.url, connect_timeout=5) as connection:
            connection.connect()
            connection.channel().close()

    def clear(self) -> None:
        """Delete all queues of asyncevents."""
        delays = [f"event.delay.{seconds}" for seconds in LADDER]
        with kombu.Connection(self.url) as connection:
            channel = connection.channel()
            for queue in (TRIGGER, QUARANTINE, RETRY, DEAD_LETTERS, INIT, *delays):
                channel.queue_delete(queue)

    def _launch(self) -> subprocess.Popen[bytes]:
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                [_program("epmd"), "-port", str(self._ports["epmd"]), "-address", "127.0.0.1"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
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


def _program(name: str) -> str:
    found = find_program(name)
    assert found is not None, name
    return found

"""The servers of a run: started at first use, on private ports, for all peers alike."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Self, TypeVar

import kombu
import redis
import sqlalchemy as sa

from tests.services.brokers import RabbitMq, Redis
from tests.services.databases import PostgreSql
from tests.services.elasticsearch import Elasticsearch, what_is_here
from tests.services.server import Server

S = TypeVar("S", bound=Server)


class Absent(RuntimeError):
    """A server is not installed; the message says how to get it."""


class BenchRabbitMq(RabbitMq):
    """RabbitMQ as it comes."""

    @property
    def pid(self) -> int:
        return _pid(self._process)

    def drop(self, queue: str) -> None:
        """Delete a queue."""
        with kombu.Connection(self.url) as connection:
            connection.channel().queue_delete(queue)


class BenchRedis(Redis):
    """Redis without persistence."""

    @property
    def pid(self) -> int:
        return _pid(self._process)


class BenchPostgreSql(PostgreSql):
    """PostgreSQL as it comes: durable, unless a run asks for `fsync` off."""

    def __init__(self, *, fsync: bool) -> None:
        self._fsync = "on" if fsync else "off"
        super().__init__()

    @property
    def command(self) -> Sequence[str]:
        return [f"fsync={self._fsync}" if part == "fsync=off" else part for part in super().command]

    @property
    def pid(self) -> int:
        return _pid(self._process)

    def execute(self, url: str, *statements: str) -> None:
        """Run statements that must not stand in a transaction, such as VACUUM."""
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


class Services:
    """The servers. A context manager: leaving it removes them."""

    def __init__(self, *, fsync: bool) -> None:
        self._fsync = fsync
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @cached_property
    def rabbitmq(self) -> BenchRabbitMq:
        return self._start(BenchRabbitMq)

    @cached_property
    def redis(self) -> BenchRedis:
        return self._start(BenchRedis)

    @cached_property
    def postgresql(self) -> BenchPostgreSql:
        return self._start(BenchPostgreSql, fsync=self._fsync)

    @cached_property
    def elasticsearch(self) -> Elasticsearch:
        return self._start(what_is_here())

    def pids(self, *names: str) -> dict[str, int]:
        """Return the process ids of these servers."""
        return {name: getattr(self, name).pid for name in names}

    def versions(self) -> dict[str, str]:
        """Return the versions of all, starting them; of one that is absent, how to get it."""
        readers = {
            "PostgreSQL": self._postgresql_version,
            "RabbitMQ": self._rabbitmq_version,
            "Redis": self._redis_version,
        }
        found = {}
        for name, read in readers.items():
            try:
                found[name] = read()
            except Absent as error:
                found[name] = str(error)
        return found

    def _postgresql_version(self) -> str:
        engine = sa.create_engine(self.postgresql.admin_url)
        with engine.connect() as connection:
            version = connection.exec_driver_sql("SHOW server_version").scalar_one()
            fsync = connection.exec_driver_sql("SHOW fsync").scalar_one()
        engine.dispose()
        return f"{version}, fsync {fsync}"

    def _rabbitmq_version(self) -> str:
        with kombu.Connection(self.rabbitmq.url) as connection:
            connection.connect()
            return str(connection.connection.server_properties["version"])

    def _redis_version(self) -> str:
        client = redis.Redis(port=self.redis.port)
        version = str(client.info()["redis_version"])
        client.close()
        return version

    def _start(self, kind: type[S], **options: bool) -> S:
        if not kind.needs.present:
            raise Absent(kind.needs.advice)
        server = kind(**options)
        self._stack.callback(server.remove)
        server.start()
        return server


def _pid(process: subprocess.Popen[bytes] | None) -> int:
    assert process is not None
    return process.pid

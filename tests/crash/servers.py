"""Servers of a world: few connections, a small disk, a standby that can take over."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import ClassVar

import sqlalchemy as sa

from tests.services.brokers import RabbitMq, Redis
from tests.services.databases import Database, MariaDb, PostgreSql
from tests.services.server import Server, program

_STEP = 1 << 20


class SmallDisk:
    """A file system of its own at a folder. Making one needs root, `RuntimeError` without."""

    def __init__(self, folder: Path, *, owner: str | None, megabytes: int = 192) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        options = f"size={megabytes}m,mode=0700"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "asyncevents-tests", str(folder)],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"cannot mount a small disk: {done.stderr.strip()}")
        if owner is not None:
            shutil.chown(folder, owner, owner)
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no byte on it."""
        with open(self._ballast, "ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"\0" * _STEP)
        with open(self._ballast, "ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(b"\0" * 4096):
                continue

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def remove(self) -> None:
        # Lazily: what still has files open there ends later.
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True)


class SmallPostgreSql(PostgreSql):
    """PostgreSQL with few connections, whose databases may lie on a small disk."""

    most_connections: ClassVar[int] = 80
    disk: SmallDisk | None = None

    def make_disk(self) -> None:
        """Put the databases that are made from now on onto a small disk. Raises RuntimeError."""
        self.disk = SmallDisk(self.folder / "disk", owner=self.user)
        (self.disk.folder / "space").mkdir()
        shutil.chown(self.disk.folder / "space", self.user, self.user)
        self.execute(
            f"CREATE TABLESPACE small LOCATION '{self.disk.folder / 'space'}'",
            "ALTER DATABASE template1 SET TABLESPACE small",
        )

    def execute(self, *statements: str) -> list[object]:
        """Run statements as an administrator; return the first column of the last one."""
        return execute(self, *statements)

    def remove(self) -> None:
        super().remove()
        if self.disk is not None:
            self.disk.remove()
            shutil.rmtree(self.folder, ignore_errors=True)


class Standby(SmallPostgreSql):
    """A copy of a running server that follows it, until it is promoted."""

    def __init__(self, primary: SmallPostgreSql) -> None:
        self._primary = primary
        super().__init__()

    def _prepare(self) -> None:
        places = []
        if self._primary.disk is not None:
            self.disk = SmallDisk(self.folder / "disk", owner=self.user)
            there, here = (one / "space" for one in (self._primary.disk.folder, self.disk.folder))
            places = [f"--tablespace-mapping={there}={here}"]
        self._run(
            program("pg_basebackup"), "-h", "127.0.0.1", "-p", str(self._primary.port),
            "-U", "postgres", "-D", str(self.folder / "data"), "-X", "stream", "-R",
            "--no-sync", "-c", "fast", *places,
        )  # fmt: skip

    def take_over(self) -> None:
        """Let the primary only read, catch up with it, and write from now on."""
        old = self._primary
        old.execute(
            "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"
        )
        # What writes still may commit: nothing of it may be missing here.
        _wait(lambda: old.execute(_WRITING) == [0], "transactions end")
        (last,) = old.execute("SELECT pg_current_wal_lsn()::text")
        _wait(
            lambda: self.execute(f"SELECT pg_last_wal_replay_lsn() >= '{last}'") == [True],
            "the standby has caught up",
        )
        self.execute("SELECT pg_promote()")
        # It has copied the setting by which the old one only reads.
        self.execute("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


_WRITING = """
    SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL
    AND NOT pg_is_in_recovery()
"""


class SmallMariaDb(MariaDb):
    """MariaDB with few connections, whose databases may lie on a small disk."""

    most_connections: ClassVar[int] = 80
    disk: SmallDisk | None = None

    def put_on_disk(self, url: str) -> None:
        """Put a database that is empty still onto a small disk. Raises RuntimeError."""
        folder = self.folder / "data" / str(sa.make_url(url).database)
        options = (folder / "db.opt").read_bytes()
        self.disk = SmallDisk(folder, owner=self.user)
        (folder / "db.opt").write_bytes(options)
        shutil.chown(folder / "db.opt", self.user, self.user)

    def execute(self, *statements: str) -> list[object]:
        """Run statements as an administrator; return the first column of the last one."""
        return execute(self, *statements)

    def remove(self) -> None:
        super().remove()
        if self.disk is not None:
            self.disk.remove()
            shutil.rmtree(self.folder, ignore_errors=True)


class AlarmedRabbitMq(RabbitMq):
    """RabbitMQ that can be told to raise an alarm."""

    def control(self, *words: str) -> None:
        """Run `rabbitmqctl`."""
        done = subprocess.run(
            [program("rabbitmqctl"), *words],
            env={**os.environ, **self._environment()},
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"rabbitmqctl {' '.join(words)}: {done.stdout}{done.stderr}")


KINDS: dict[str, type[Server]] = {
    "RabbitMQ": AlarmedRabbitMq,
    "Redis": Redis,
    "PostgreSQL": SmallPostgreSql,
    "MariaDB": SmallMariaDb,
}


def execute(server: Database, *statements: str) -> list[object]:
    engine = sa.create_engine(server.admin_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            found: list[object] = []
            for statement in statements:
                result = connection.exec_driver_sql(statement)
                found = list(result.scalars()) if result.returns_rows else []
            return found
    finally:
        engine.dispose()


def _wait(condition, what: str, seconds: float = 60.0) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)

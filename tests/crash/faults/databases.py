"""A database that only reads, has a full disk or no free connection, or whose place is taken."""

from __future__ import annotations

import contextlib
import threading

import sqlalchemy as sa

from tests.crash.fault import Fault
from tests.crash.servers import SmallMariaDb, SmallPostgreSql, Standby
from tests.crash.world import World

_READ_ONLY = {
    SmallPostgreSql: "ALTER SYSTEM SET default_transaction_read_only = on",
    SmallMariaDb: "SET GLOBAL read_only = 1",
}
_WRITABLE = {
    SmallPostgreSql: "ALTER SYSTEM RESET default_transaction_read_only",
    SmallMariaDb: "SET GLOBAL read_only = 0",
}


def _tell(server: SmallPostgreSql | SmallMariaDb, statements: dict[type, str]) -> None:
    (statement,) = (text for kind, text in statements.items() if isinstance(server, kind))
    reload = ["SELECT pg_reload_conf()"] if isinstance(server, SmallPostgreSql) else []
    server.execute(statement, *reload)


class _DatabaseFault(Fault):
    family = "state"
    spares = False
    lasts = (2.0, 12.0)

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.ledger is not None

    @property
    def server(self) -> SmallPostgreSql | SmallMariaDb:
        assert self.world.ledger is not None
        return self.world.ledger


class DatabaseReadOnly(_DatabaseFault):
    name = "the database only reads"

    def inject(self) -> None:
        _tell(self.server, _READ_ONLY)

    def heal(self) -> None:
        _tell(self.server, _WRITABLE)


class DatabasePromoted(_DatabaseFault):
    """A standby takes over; the old primary goes on, and only reads. Sessions stay on it."""

    name = "another database is promoted"
    lasts = (0.0, 0.0)

    @classmethod
    def applies(cls, world: World) -> bool:
        return isinstance(world.ledger, SmallPostgreSql)

    def prepare(self) -> bool:
        assert isinstance(self.server, SmallPostgreSql)
        self._standby = Standby(self.server)
        self._standby.start()
        return True

    def inject(self) -> None:
        self._standby.take_over()

    def heal(self) -> None:
        world = self.world
        for links in world.links.values():
            if links.ledger is not None:
                links.ledger.upstream = self._standby.port
        for one in world.retired:
            one.remove()
        # The old one stays, with the sessions on it.
        world.retired[:] = [self.server]
        world.ledger = self._standby


class DiskFull(_DatabaseFault):
    """The file system of the ledger's tables; on SQLite of the whole ledger.

    MariaDB may end by itself then: whoever makes room starts it again.
    """

    name = "the disk is full"

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.disk is not None

    def inject(self) -> None:
        assert self.world.disk is not None
        self.world.disk.fill()

    def heal(self) -> None:
        assert self.world.disk is not None
        self.world.disk.free()
        if self.world.ledger is not None and not self.world.ledger.running:
            self.world.ledger.start()


class ConnectionsExhausted(_DatabaseFault):
    """Somebody takes every connection that becomes free, and those of everybody are ended."""

    name = "all connections are taken"

    def prepare(self) -> bool:
        # As a user: the server keeps a last connection for administrators.
        url = sa.make_url(self.world.project.settings["LEDGER_URL"]).set(port=self.server.port)
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        self._held: list[sa.Connection] = []
        self._admin = sa.create_engine(
            self.server.admin_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
        ).connect()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._hog, daemon=True)
        return True

    def inject(self) -> None:
        self._take()
        self._thread.start()

    def heal(self) -> None:
        self._over.set()
        self._thread.join()
        for one in self._held:
            with contextlib.suppress(sa.exc.DBAPIError):
                one.close()
        self._admin.close()

    def _hog(self) -> None:
        mine = {self._number(one) for one in self._held}
        while not self._over.is_set():
            self._end_others(mine)
            mine |= {self._number(one) for one in self._take()}

    def _take(self) -> list[sa.Connection]:
        """Take what is free; return what was taken."""
        taken: list[sa.Connection] = []
        with contextlib.suppress(sa.exc.DBAPIError):
            while not self._over.is_set():
                taken.append(self._engine.connect())
        self._held += taken
        return taken

    def _end_others(self, mine: set[int]) -> None:
        database = self._engine.url.database
        if isinstance(self.server, SmallPostgreSql):
            listed = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}'"
            end = "SELECT pg_terminate_backend({})"
        else:
            listed = f"SELECT id FROM information_schema.processlist WHERE db = '{database}'"
            end = "KILL {}"
        for number in list(self._admin.exec_driver_sql(listed).scalars()):
            if number not in mine:
                # It may have ended by itself.
                with contextlib.suppress(sa.exc.DBAPIError):
                    self._admin.exec_driver_sql(end.format(number))

    def _number(self, connection: sa.Connection) -> int:
        postgresql = isinstance(self.server, SmallPostgreSql)
        call = "pg_backend_pid()" if postgresql else "connection_id()"
        return int(connection.exec_driver_sql(f"SELECT {call}").scalar_one())


class LocksHeld(Fault):
    """A stranger keeps locks on everything that is open, in a transaction that does nothing."""

    name = "a stranger holds locks"
    family = "state"
    # On SQLite on the whole file. Elsewhere on what is leased, too: outcomes have to wait.
    spares = False
    lasts = (2.0, 12.0)

    @classmethod
    def applies(cls, world: World) -> bool:
        return True

    def prepare(self) -> bool:
        self._engine = self.world.open_engine()
        self._connection = self._engine.connect()
        return True

    def inject(self) -> None:
        if self.world.ledger is None:
            self._connection.connection.isolation_level = None  # type: ignore[attr-defined]
            self._connection.exec_driver_sql("PRAGMA busy_timeout = 20000")
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        with contextlib.suppress(sa.exc.DBAPIError):
            self._connection.exec_driver_sql(
                "SELECT id FROM asyncevents_delivery WHERE due_at IS NOT NULL FOR UPDATE"
            ).all()

    def heal(self) -> None:
        with contextlib.suppress(sa.exc.DBAPIError):
            if self.world.ledger is None:
                self._connection.exec_driver_sql("ROLLBACK")
            else:
                self._connection.rollback()
            self._connection.close()
        self._engine.dispose()

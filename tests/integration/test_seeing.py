"""What `check` and `status` see: databases that refuse, locks, full disks, brokers that block."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy as sa

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.upkeep import diagnosis
from asyncevents_core.engine.upkeep.diagnosis import diagnose
from asyncevents_core.engine.upkeep.trial import refused_tables, try_publishing
from asyncevents_core.errors import (
    BrokerUnavailable,
    LedgerForbidden,
    LedgerNotMigrated,
    LedgerUnavailable,
)
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.testing import MemoryBroker
from tests.integration.project import PATIENCE, eventually
from tests.services import silence
from tests.services.brokers import RabbitMq

SHORT = LedgerOptions(lock_timeout=1.0)
SEEN_ANEW = 0.3
"""Seconds to pause between two looks at locks: InnoDB shows the same copy to who asks sooner."""


@pytest.fixture
def server(request, start_server):
    return start_server(request.param)


def on_every_server(test):
    return pytest.mark.parametrize("server", ["PostgreSql", "MariaDb"], indirect=True)(test)


@pytest.fixture
def open_ledger():
    made = []

    def make(url, options=SHORT):
        ledger = SqlLedger(url, cipher=Cipher([]), options=options)
        made.append(ledger)
        return ledger

    yield make
    for one in made:
        one.close()


@contextmanager
def administrator(server, url=None):
    engine = sa.create_engine(url or server.admin_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def limited(server, url, *grants):
    """Return the URL of a new user of this database, who has been granted this."""
    database = sa.make_url(url).database
    user = f"user_{uuid7().hex[-12:]}"
    with administrator(server, url) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"CREATE USER {user}")
            for grant in grants:
                connection.exec_driver_sql(
                    f"GRANT {grant} ON ALL TABLES IN SCHEMA public TO {user}"
                )
        else:
            connection.exec_driver_sql(f"CREATE USER {user}@'127.0.0.1'")
            for grant in grants:
                connection.exec_driver_sql(f"GRANT {grant} ON {database}.* TO {user}@'127.0.0.1'")
    return sa.make_url(url).set(username=user).render_as_string(hide_password=False)


def problems(ledger, kind=None, broker=None):
    found = diagnose(ledger, broker or MemoryBroker(), indexing=False).problems
    return [one for one in found if kind in (None, one.kind)]


@on_every_server
def test_missing_permissions_are_named_one_by_one(server, open_ledger):
    url = server.new_database()
    full = open_ledger(url)
    full.upgrade()
    assert refused_tables(full) == []
    some = open_ledger(limited(server, url, "SELECT, INSERT"))
    refused = refused_tables(some)
    assert any(one.startswith("UPDATE on asyncevents_event:") for one in refused)
    assert any(one.startswith("DELETE on asyncevents_attempt:") for one in refused)
    assert not [one for one in refused if one.startswith(("SELECT", "INSERT"))]
    assert all("GRANT it" in one for one in refused)
    with pytest.raises(LedgerForbidden):
        some.run(lambda tx: tx.workers.remove(uuid7()))
    (problem,) = problems(some, "not_writable")
    assert "GRANT it" in problem.words


@on_every_server
def test_a_trial_leaves_nothing_and_finds_a_missing_column(server, open_ledger):
    url = server.new_database()
    ledger = open_ledger(url)
    ledger.upgrade()
    try_publishing(ledger)
    assert ledger.read(lambda view: view.backlog()).events_open == 0
    with administrator(server, url) as connection:
        connection.exec_driver_sql("ALTER TABLE asyncevents_event DROP COLUMN owner")
    with pytest.raises(LedgerNotMigrated, match="db upgrade"):
        refused_tables(ledger)


@on_every_server
def test_a_database_that_only_reads(server, open_ledger):
    url = server.new_database()
    open_ledger(url).upgrade()
    name = sa.make_url(url).database
    on, off = "SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"
    if sa.make_url(url).get_backend_name() == "postgresql":
        on = f"ALTER DATABASE {name} SET default_transaction_read_only = on"
        off = f"ALTER DATABASE {name} RESET default_transaction_read_only"
    else:
        # Administrators may always write.
        url = limited(server, url, "ALL")
    with administrator(server) as connection:
        connection.exec_driver_sql(on)
        try:
            ledger = open_ledger(url)
            (problem,) = problems(ledger, "read_only")
            assert "only reads" in problem.words
            with pytest.raises(LedgerUnavailable, match="can be written"):
                try_publishing(ledger)
        finally:
            connection.exec_driver_sql(off)
    assert problems(open_ledger(url), "read_only") == []


@on_every_server
def test_who_blocks_whom(server, open_ledger):
    url = server.new_database()
    ledger = open_ledger(url, LedgerOptions())
    ledger.upgrade()
    row = WorkerRow(id=uuid7(), host="h", pid=1, roles=(Role.RETRY,), started_at=0, beat_at=0)
    ledger.run(lambda tx: tx.workers.beat(row))
    assert problems(ledger) == []
    blocker = sa.create_engine(url)
    with blocker.connect() as connection:
        connection.exec_driver_sql("UPDATE asyncevents_worker SET pid = 2")
        number = connection.exec_driver_sql(
            "SELECT pg_backend_pid()"
            if connection.dialect.name == "postgresql"
            else "SELECT connection_id()"
        ).scalar_one()
        # It is idle in its transaction from now on.
        held = eventually(
            lambda: ledger.read(lambda view: view.server.locks(idle=0.5)).holders,
            what="it is seen while nobody waits",
            pause=SEEN_ANEW,
        )
        assert [(one.number, one.waiting, one.doing) for one in held] == [
            (number, 0, "idle in transaction")
        ]
        waiting = threading.Thread(target=lambda: ledger.run(lambda tx: tx.workers.beat(row)))
        waiting.start()
        (problem,) = eventually(
            lambda: problems(ledger, "blocked"), what="it blocks another", pause=SEEN_ANEW
        )
        assert f"session {number} " in problem.words
        assert "idle in transaction for " in problem.words
        assert "blocks another" in problem.words
        # What the advice says works.
        with administrator(server) as administering:
            administering.exec_driver_sql(problem.advice.partition(": ")[2])
        waiting.join(PATIENCE)
        assert not waiting.is_alive()
        with suppress(sa.exc.DBAPIError):
            connection.rollback()
        connection.invalidate()
    blocker.dispose()
    eventually(lambda: not problems(ledger, "blocked"), what="it is gone", pause=SEEN_ANEW)


@on_every_server
def test_what_may_not_be_seen_is_no_error(server, open_ledger):
    url = server.new_database()
    full = open_ledger(url)
    full.upgrade()
    full.run(lambda tx: tx.now())
    some = open_ledger(limited(server, url, "SELECT, INSERT, UPDATE, DELETE"))
    (problem,) = problems(some, "unseen")
    assert "GRANT" in problem.advice
    # Not its advice: sessions of others come and go, and it counts them.
    assert [(one.kind, one.words) for one in problems(some)] == [(problem.kind, problem.words)]


# -- SQLite -----------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.engine.upkeep.trial import refused_tables, try_publishing

ledger = SqlLedger("sqlite:///ledger.db", cipher=Cipher([]))
ledger.upgrade()
try_publishing(ledger)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
refused_tables(ledger)
try:
    try_publishing(ledger)
except Exception as error:
    print(error)
"""


def test_a_disk_without_room_for_an_event_fails_the_trial(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "make room on the database's disk" in done.stdout


@pytest.fixture
def sqlite(tmp_path, open_ledger):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.upgrade()
    return ledger


def test_a_file_that_somebody_has_locked(tmp_path, sqlite):
    holding = sa.create_engine(f"sqlite:///{tmp_path}/ledger.db")
    with holding.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        (problem,) = problems(sqlite)
    holding.dispose()
    assert problem.kind == "not_writable"
    assert "somebody else holds locks" in problem.words
    assert problems(sqlite) == []


def test_a_disk_that_is_nearly_full(sqlite, monkeypatch):
    monkeypatch.setattr(
        "asyncevents_core.adapters.sqlalchemy.server.shutil.disk_usage",
        lambda _: type("Usage", (), {"free": 7_000_000}),
    )
    (problem,) = problems(sqlite)
    assert (problem.kind, problem.words) == ("disk", "the ledger's disk has 7 MB left")


# -- brokers ----------------------------------------------------------------------------------


def test_a_broker_that_is_silent_or_down(start_server, sqlite, monkeypatch):
    monkeypatch.setattr(diagnosis, "PROBE", 2.0)
    redis = start_server("Redis")
    with silence.before(redis.port) as proxy:
        broker = KombuBroker(BrokerConfig(url=f"redis://127.0.0.1:{proxy.port}/0"))
        assert problems(sqlite, broker=broker) == []
        proxy.hush()
        begun = time.monotonic()
        (problem,) = problems(sqlite, broker=broker)
        assert time.monotonic() - begun < PATIENCE / 2
        assert problem.kind == "broker"
        proxy.speak()
    monkeypatch.setattr(diagnosis, "PROBE", PATIENCE)
    down = KombuBroker(BrokerConfig(url="amqp://guest:guest@127.0.0.1:1//"))
    (problem,) = problems(sqlite, broker=down)
    assert "cannot be used: amqp://" in problem.words


class Alarmed(RabbitMq):
    """RabbitMQ that wants more room on its disk than there is."""

    def _prepare(self):
        super()._prepare()
        (self.folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 1000000000000000\n")


def test_a_broker_that_blocks_publishers_says_so(start_server):
    start_server("RabbitMq")
    server = Alarmed()
    try:
        server.start()
        broker = KombuBroker(BrokerConfig(url=server.url))
        with pytest.raises(BrokerUnavailable, match="alarm of memory or disk"):
            broker.try_out()
    finally:
        server.remove()

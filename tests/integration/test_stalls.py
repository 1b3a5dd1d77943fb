"""What stands still without ending: frozen workers, silent databases, servers that only read."""

from __future__ import annotations

import signal
import threading
import time

import pytest
import sqlalchemy as sa

from asyncevents_core.errors import LedgerUnavailable
from tests.integration.inbox import SECRET, open_inbox
from tests.integration.project import PATIENCE, eventually
from tests.services import silence

DATABASES = ["PostgreSql", "MariaDb"]
SHORT = {"connect_timeout": 2, "lock_timeout": 1, "statement_timeout": 3}
"""LEDGER_OPTIONS with which a silent database is given up after 3 + 5 + 2 seconds."""
LOCKED_FOR = 30
"""Seconds that a frozen worker keeps its locks: it is reaped meanwhile."""

FREEZES = """
import os, signal, sys
from uuid import UUID
from asyncevents_core import AsyncEvents
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.delivering.leases import Claimant
from asyncevents_core.engine.delivering.permits import UnlimitedPermits
from asyncevents_core.engine.delivering.calls import UnlimitedCalls
from asyncevents_core.engine.delivering.round import Round, claim_round

runtime = AsyncEvents().runtime
me = uuid7()
row = WorkerRow(id=me, host="here", pid=os.getpid(), roles=tuple(Role), started_at=0, beat_at=0)
claimant = Claimant(owner=me, policy=runtime.policy, definitions=runtime.catalog)
wanted = Round(room=1000, event_ids=frozenset(map(UUID, sys.argv[1:])))

def claim(tx):
    tx.workers.beat(row)
    return claim_round(tx, claimant, wanted, UnlimitedPermits(), UnlimitedCalls()).claimed.leases

leases = runtime.ledger.run(claim)

def freeze(tx):
    for lease in leases:
        tx.deliveries.lock_one(lease.delivery.id)
    print(len(leases), flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)

runtime.ledger.run(freeze)
"""


@pytest.fixture
def server(request, start_server):
    return start_server(request.param)


def on_every_database(test):
    return pytest.mark.parametrize("server", DATABASES, indirect=True)(test)


def through(proxy, url):
    return sa.make_url(url).set(port=proxy.port).render_as_string(hide_password=False)


def arrived(inbox, ids):
    return {str(one) for one in ids} <= {one.event_id for one in inbox.accepted}


def ends_well(worker):
    worker.terminate()
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, errors
    return errors


# -- a frozen worker --------------------------------------------------------------------------


@on_every_database
def test_a_frozen_worker_stops_no_other(make_project, inbox, server):
    project = make_project(
        LEDGER_URL=server.new_database(), LEDGER_OPTIONS={"idle_timeout": LOCKED_FOR}
    )
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    with project.events() as events:
        stuck = events.publish_many([("order.created", {"n": n}) for n in range(20)])
        frozen = project.start_python("-c", FREEZES, *map(str, stuck))
        assert frozen.stdout.readline() == "20\n"
        frozen_at = time.monotonic()
        worker = project.start("worker")
        project.await_workers(2)
        published = {}
        while time.monotonic() < frozen_at + LOCKED_FOR - 2:
            # Its rows are locked, and when it has been silent for a while it is to be reaped.
            published[str(events.publish("order.created", {}))] = time.time()
            time.sleep(0.5)
        assert not arrived(inbox, stuck)
        eventually(lambda: arrived(inbox, published), what="the healthy worker delivers")
        # The server ends the session, and its leases are made due or end.
        eventually(lambda: arrived(inbox, stuck), what="what it had leased arrives")
    waits = [
        one.at - published[one.event_id] for one in inbox.accepted if one.event_id in published
    ]
    assert max(waits) < LOCKED_FOR / 2
    frozen.send_signal(signal.SIGCONT)
    # It was told that its session is over, and ran the transaction again: to the next stop.
    assert frozen.stdout.readline() == "20\n"
    frozen.kill()
    ends_well(worker)


# -- a stranger -------------------------------------------------------------------------------


@on_every_database
def test_a_stranger_that_locks_deliveries_under_way_stops_no_others(make_project, server):
    url = server.new_database()
    project = make_project(LEDGER_URL=url)
    with open_inbox(delay=3.0) as inbox:
        project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
        worker = project.start("worker")
        project.await_workers(1)
        # By default, MariaDB locks the gaps as well, where new rows would go.
        engine = sa.create_engine(url, isolation_level="READ COMMITTED")
        with project.events() as events, engine.connect() as stranger:
            stuck = events.publish_many([("order.created", {"n": n}) for n in range(4)])
            eventually(lambda: states(events, stuck) == {"leased"}, what="all are leased")
            stranger.exec_driver_sql(
                "SELECT id FROM asyncevents_delivery WHERE state = 'leased' FOR UPDATE"
            ).all()
            eventually(lambda: arrived(inbox, stuck), what="their recipients answer")
            inbox.behave()
            begun = time.monotonic()
            # Their outcomes wait, and nothing else does for longer than locks are waited for.
            others = events.publish_many([("order.created", {"n": n}) for n in range(100)])
            eventually(lambda: states(events, others) == {"delivered"}, what="others are written")
            assert time.monotonic() - begun < 30
            assert states(events, stuck) == {"leased"}
            stranger.rollback()
            eventually(lambda: states(events, stuck) == {"delivered"}, what="they are written")
        engine.dispose()
        assert len(inbox.accepted) == 104
    assert "somebody has locked deliveries" in ends_well(worker)


def states(events, ids):
    return {trace.delivery.state.value for one in ids for trace in events.traces(one)}


# -- a silent database ------------------------------------------------------------------------


@on_every_database
def test_publishing_on_a_silent_database_fails_in_time(make_project, server):
    url = server.new_database()
    with silence.before(server.port) as proxy:
        project = make_project(LEDGER_URL=through(proxy, url), LEDGER_OPTIONS=SHORT)
        with project.events() as events:
            events.publish("order.created", {})
            proxy.hush()
            begun = time.monotonic()
            with pytest.raises(LedgerUnavailable):
                events.publish("order.created", {})
            assert time.monotonic() - begun < 30
            proxy.speak()
            after = events.publish("order.created", {"after": True})
        assert str(after) in {row["event_id"] for row in project.rows("published")}


@on_every_database
def test_a_worker_goes_on_after_its_database_was_silent(make_project, inbox, server):
    url = server.new_database()
    direct = make_project(LEDGER_URL=url)
    direct.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    with silence.before(server.port) as proxy, direct.events() as events:
        project = make_project(
            LEDGER_URL=through(proxy, url),
            LEDGER_OPTIONS=SHORT,
            SECRET_KEYS=direct.settings["SECRET_KEYS"],
        )
        worker = project.start("worker")
        first = events.publish("order.created", {})
        eventually(lambda: arrived(inbox, [first]), what="the worker works")
        proxy.hush()
        named = threading.Event()
        lines = []

        def read():
            for line in worker.stderr:
                lines.append(line)
                if "does not answer" in line:
                    named.set()

        threading.Thread(target=read, daemon=True).start()
        during = events.publish_many([("order.created", {"n": n}) for n in range(20)])
        assert named.wait(PATIENCE), lines
        proxy.speak()
        eventually(lambda: arrived(inbox, during), what="it goes on")
        assert worker.poll() is None
        worker.terminate()
        assert worker.wait(PATIENCE) == 0


# -- useless sessions -------------------------------------------------------------------------


def kill_sessions(server, name):
    """End every session on a database."""
    engine = sa.create_engine(server.admin_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
        else:
            found = connection.exec_driver_sql(
                "SELECT id FROM information_schema.processlist WHERE db = %s", (name,)
            )
            for number in list(found.scalars()):
                connection.exec_driver_sql(f"KILL {number}")
    engine.dispose()


@on_every_database
def test_sessions_that_are_killed(make_project, inbox, server):
    url = server.new_database()
    project = make_project(LEDGER_URL=url)
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = project.start("worker")
    ids = []
    with project.events() as events:
        for number in range(5):
            ids.append(events.publish("order.created", {"n": number}))
            eventually(lambda: arrived(inbox, ids), what="the worker works")
            kill_sessions(server, sa.make_url(url).database)
        ids.append(events.publish("order.created", {}))
        eventually(lambda: arrived(inbox, ids), what="the worker goes on")
    ends_well(worker)


@pytest.mark.parametrize("server", DATABASES[:1], indirect=True)
def test_sessions_that_stay_on_a_server_that_only_reads(make_project, inbox, server):
    """As after a failover: sessions that are there can only read, new ones can write."""
    url = server.new_database()
    name = sa.make_url(url).database
    project = make_project(LEDGER_URL=url)
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = project.start("worker")
    admin = sa.create_engine(server.admin_url, isolation_level="AUTOCOMMIT")
    with project.events() as events, admin.connect() as connection:
        first = events.publish("order.created", {})
        eventually(lambda: arrived(inbox, [first]), what="the worker works")
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        kill_sessions(server, name)
        with pytest.raises(LedgerUnavailable, match="read-only"):
            events.publish("order.created", {})
        eventually(
            lambda: count_sessions(connection, name) > 1, what="the worker has connected again"
        )
        connection.exec_driver_sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        ids = [events.publish("order.created", {"n": n}) for n in range(5)]
        eventually(lambda: arrived(inbox, ids), what="the worker goes on")
    admin.dispose()
    ends_well(worker)


def count_sessions(connection, name):
    return connection.exec_driver_sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,)
    ).scalar_one()


@on_every_database
def test_a_server_that_only_reads_for_a_while(make_project, inbox, server):
    url = sa.make_url(server.new_database())
    admin = sa.create_engine(server.admin_url, isolation_level="AUTOCOMMIT")
    if admin.dialect.name == "postgresql":
        on = ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"]
        off = ["ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"]
    else:
        on, off = ["SET GLOBAL read_only = 1"], ["SET GLOBAL read_only = 0"]
        # Administrators may always write.
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE USER {url.database}@'127.0.0.1'")
            connection.exec_driver_sql(
                f"GRANT ALL ON {url.database}.* TO {url.database}@'127.0.0.1'"
            )
        url = url.set(username=url.database)
    project = make_project(LEDGER_URL=url.render_as_string(hide_password=False))
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = project.start("worker")
    with project.events() as events, admin.connect() as connection:
        first = events.publish("order.created", {})
        eventually(lambda: arrived(inbox, [first]), what="the worker works")
        try:
            for statement in on:
                connection.exec_driver_sql(statement)
            refused = eventually(lambda: refusal(events), what="nothing can be written")
            assert "read-only" in refused
        finally:
            for statement in off:
                connection.exec_driver_sql(statement)
        eventually(lambda: refusal(events) is None, what="events can be published")
        ids = [events.publish("order.created", {"n": n}) for n in range(5)]
        eventually(lambda: arrived(inbox, ids), what="the worker goes on")
    admin.dispose()
    ends_well(worker)


def refusal(events):
    """Publish an event and return why that is refused; None if it is not."""
    try:
        events.publish("order.created", {})
    except LedgerUnavailable as error:
        return str(error)
    return None

"""PgBouncer in transaction mode between everybody and PostgreSQL."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.ports.ledger.options import LedgerOptions
from tests.conftest import skip_unless_present
from tests.integration.inbox import SECRET
from tests.integration.project import eventually
from tests.services.needs import PGBOUNCER, PGBOUNCER_PROGRAM

LIMITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
SHORT = LedgerOptions(lock_timeout=1, statement_timeout=4, idle_timeout=3)
NEWER = [0, 200] if PGBOUNCER_PROGRAM in os.environ else []
"""Values of max_prepared_statements for a PgBouncer that somebody names, of 1.21 or newer."""


@pytest.fixture(scope="module")
def postgresql(start_server):
    return start_server("PostgreSql")


@pytest.fixture(scope="module", params=[None, *NEWER])
def pooler(request, postgresql):
    skip_unless_present(PGBOUNCER)
    from tests.services.databases import PgBouncer

    made = PgBouncer(postgresql, max_prepared_statements=request.param)
    made.start()
    yield made
    made.remove()


@pytest.fixture
def url(postgresql):
    return postgresql.new_database()


def plans_of(connection):
    return connection.exec_driver_sql("SHOW enable_seqscan").scalar_one()


def shown(connection):
    return [connection.exec_driver_sql(f"SHOW {one}").scalar_one() for one in LIMITS]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_everything_works_through_it(make_project, inbox, pooler, url, driver):
    through = pooler.before(url).replace("+psycopg", f"+{driver}")
    project = make_project(LEDGER_URL=through)
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    workers = [project.start("worker"), project.start("worker")]
    project.await_workers(2)
    with project.events() as events, ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(lambda n: str(events.publish("order.created", {"n": n})), range(200)))
        ids |= set(map(str, events.publish_many([("order.created", {"m": n}) for n in range(50)])))
        eventually(lambda: ids <= {one.event_id for one in inbox.accepted}, what="all arrive")
    assert len(ids) == 250
    errors = []
    for worker in workers:
        worker.terminate()
        errors.append(worker.communicate(timeout=60)[1])
        assert worker.returncode == 0, errors
    assert not any("prepared" in one or "ERROR" in one or "WARNING" in one for one in errors), (
        errors
    )


def test_limits_go_with_the_transaction_and_not_to_whom_the_session_is_lent_next(pooler, url):
    plain = sa.create_engine(pooler.before(url), connect_args={"prepare_threshold": None})
    ledger = SqlLedger(pooler.before(url), cipher=Cipher([]), options=SHORT)
    try:
        with plain.connect() as connection:
            before = shown(connection)
        ledger.upgrade()
        within = ledger.run(lambda tx: shown(tx._sql.connection))
        assert within == ["1s", "4s", "3s"]
        assert ledger.read(lambda view: shown(view._sql.connection)) == within
        assert ledger.run(lambda tx: plans_of(tx._sql.connection)) == "off"
        # More connections than sessions: each of them is seen.
        connections = [plain.connect() for _ in range(5)]
        assert [shown(one) for one in connections] == [before] * 5
        assert [plans_of(one) for one in connections] == ["on"] * 5
        for one in connections:
            one.close()
    finally:
        ledger.close()
        plain.dispose()


@pytest.mark.parametrize("known", [True, False, None])
def test_what_the_settings_say_has_precedence(postgresql, url, known):
    ledger = SqlLedger(url, cipher=Cipher([]), options=LedgerOptions(pooler=known))
    try:
        with ledger._engine.connect() as connection:
            prepares = connection.connection.driver_connection.prepare_threshold is not None
            assert connection.info["asyncevents_pooled"] is bool(known)
            assert prepares is not bool(known)
    finally:
        ledger.close()


def test_a_pooler_that_is_restarted_is_found_again(make_project, inbox, pooler, url):
    project = make_project(LEDGER_URL=pooler.before(url))
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = project.start("worker")
    with project.events() as events:
        first = str(events.publish("order.created", {}))
        eventually(lambda: first in {one.event_id for one in inbox.accepted}, what="it works")
        pooler.kill()
        pooler.start()
        second = str(events.publish("order.created", {}))
        eventually(lambda: second in {one.event_id for one in inbox.accepted}, what="it goes on")
    worker.terminate()
    worker.communicate(timeout=60)
    assert worker.returncode == 0

"""The schema changes beneath sessions that are open, and beneath transactions that hold locks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import NotSupportedError

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.sqlalchemy import migrating
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.failures import is_worth_a_rerun
from asyncevents_core.adapters.sqlalchemy.sessions import SessionLimits, open_engine
from asyncevents_core.domain.subscription import NewSubscription
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.ports.ledger.options import LedgerOptions
from tests.integration.project import eventually

POSTGRESQL = SqlDialect("postgresql", None)
OFTEN = 12
"""More often than a session runs a statement until it prepares it."""


@pytest.fixture
def url(start_server: Callable[[str], Any]) -> str:
    return str(start_server("PostgreSql").new_database())


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(url)
    yield made
    made.dispose()


def migrate(engine: sa.Engine, step: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        step(config, revision)


def revision_of(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return migrating.revision(connection, POSTGRESQL)


def test_sessions_work_on_when_columns_get_other_types(url: str, engine: sa.Engine) -> None:
    """What a session has prepared is useless then: PostgreSQL refuses it for ever."""
    with AsyncEvents({"LEDGER_URL": url, "EVENTS": {"order.created": {}}}) as events:
        events.upgrade()
        wanted = NewSubscription(
            event_name="order.created", sink="http", target="https://shop.example"
        )
        events.runtime.ledger.run(lambda tx: tx.subscriptions.insert(wanted))
        for _ in range(OFTEN):
            events.subscriptions()
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "ALTER TABLE asyncevents_subscription ALTER event_name TYPE varchar(3000)"
            )
        for _ in range(OFTEN):
            (found,) = events.subscriptions()
            assert found.event_name == "order.created"


def test_what_the_database_does_not_support_costs_no_session(url: str) -> None:
    """Not every error of that class is about what was prepared."""
    made = open_engine(url, LedgerOptions(), SessionLimits())
    with made.connect() as connection:
        with pytest.raises(NotSupportedError, match="FOR UPDATE is not allowed") as caught:
            connection.exec_driver_sql("SELECT 1 FROM pg_class GROUP BY oid FOR UPDATE")
        assert not caught.value.connection_invalidated
        assert not is_worth_a_rerun(caught.value)
    made.dispose()


_PUBLISH = sa.text(
    "INSERT INTO asyncevents_event"
    " (id, digest, name, state, claims, deaths, abandonments, occurred_at, created_at)"
    " VALUES (gen_random_uuid(), '', 'order.created', 'open', 0, 0, 0, 0, 0)"
)
"""What a version of any revision can write."""


def test_a_migration_that_waits_for_a_lock_lets_others_go_first(
    url: str, engine: sa.Engine
) -> None:
    """A transaction that only reads, as of a backup, stops the migration and nobody else."""
    with AsyncEvents({"LEDGER_URL": url, "EVENTS": {"order.created": {}}}) as events:
        events.upgrade()
        migrate(engine, command.downgrade, "0013")
        upgraded: list[str] = []

        def upgrade() -> None:
            upgraded.append(migrating.upgrade(engine, POSTGRESQL, lock_wait=0.2, pause=0.2))

        with engine.connect() as reader:
            reader.execute(sa.text("SELECT count(*) FROM asyncevents_subscription"))
            thread = threading.Thread(target=upgrade)
            thread.start()
            with engine.connect() as watch:
                waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                for _ in range(3):
                    eventually(lambda: watch.scalar(waits), what="the migration waits")
                    with engine.begin() as other:
                        other.execute(_PUBLISH)
                        # Behind the migration, and before the one that it waits for has ended.
                        other.exec_driver_sql("SELECT count(*) FROM asyncevents_subscription")
                    watch.rollback()
            assert (upgraded, revision_of(engine)) == ([], "0013")
        thread.join(60)
        assert upgraded == [migrating.REVISION]


def test_a_migration_gives_up_and_leaves_nothing_behind(url: str, engine: sa.Engine) -> None:
    with AsyncEvents({"LEDGER_URL": url, "EVENTS": {}}) as events:
        events.upgrade()
    migrate(engine, command.downgrade, "0013")
    with engine.connect() as reader:
        reader.execute(sa.text("SELECT count(*) FROM asyncevents_subscription"))
        with pytest.raises(LedgerUnavailable, match=r"somebody else holds locks: end it"):
            migrating.upgrade(engine, POSTGRESQL, lock_wait=0.1, pause=0.1, patience=0.5)
    assert revision_of(engine) == "0013"
    assert migrating.upgrade(engine, POSTGRESQL) == migrating.REVISION


def test_two_that_migrate_wait_for_each_other_however_long_it_takes(
    url: str, engine: sa.Engine
) -> None:
    """The limit is for locks of tables, not for the turn of another process that migrates."""
    done: list[str] = []

    def upgrade() -> None:
        done.append(migrating.upgrade(engine, POSTGRESQL, lock_wait=0.1, pause=0.1, patience=0.1))

    with engine.begin() as first:
        first.exec_driver_sql("SELECT pg_advisory_xact_lock(7305271483501)")
        thread = threading.Thread(target=upgrade)
        thread.start()
        thread.join(1.0)
        assert thread.is_alive()
    thread.join(60)
    assert done == [migrating.REVISION]

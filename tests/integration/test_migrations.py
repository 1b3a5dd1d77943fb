"""The migrations make the schema that the code works with, on every database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from attrs import evolve

from asyncevents_core import AsyncEvents
from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger, migrating
from asyncevents_core.adapters.sqlalchemy.deliveries import delivery_values
from asyncevents_core.adapters.sqlalchemy.event_rows import event_values
from asyncevents_core.adapters.sqlalchemy.schema import PREFIX, delivery, event, metadata
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.testing.builders import make_delivery, make_event


@pytest.fixture(params=["sqlite", "PostgreSql", "MariaDb"])
def url(request, start_server, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return start_server(request.param).new_database()


def migrations():
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def migrate(engine, step, revision):
    with engine.begin() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        step(config, revision)


@pytest.fixture
def engine(url):
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def test_the_revision_that_the_code_wants_is_the_newest():
    assert ScriptDirectory.from_config(migrations()).get_current_head() == migrating.REVISION


def test_migrations_and_schema_agree(url):
    ledger = SqlLedger(url, cipher=Cipher([]))
    assert ledger.upgrade() == migrating.REVISION
    ledger.close()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": migrating.VERSION_TABLE,
                # The others answer with types of other names.
                "compare_type": engine.dialect.name == "postgresql",
                "include_name": lambda name, kind, _: kind != "table" or name.startswith(PREFIX),
            },
        )
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert not differences, differences


def test_deliveries_keep_their_replay_request_when_its_column_is_renamed(url, engine):
    migrate(engine, command.upgrade, "0004")
    kept = make_delivery(replay_request=uuid7())
    columns = [
        sa.Column("chain" if one is delivery.c.replay_request else one.name, one.type)
        for one in delivery.c
    ]
    old = sa.Table(delivery.name, sa.MetaData(), *columns)
    values = delivery_values(kept)
    values["chain"] = values.pop("replay_request")
    with engine.begin() as connection:
        connection.execute(old.insert(), values)
    ledger = SqlLedger(url, cipher=Cipher([]))

    ledger.upgrade()

    again, other = evolve(kept, id=uuid7()), evolve(kept, id=uuid7(), replay_request=uuid7())
    ledger.run(lambda tx: tx.deliveries.insert([again, other]))
    found = ledger.run(lambda tx: tx.deliveries.existing([kept.id, again.id, other.id]))
    assert found == {kept.id, other.id}
    assert ledger.run(lambda tx: tx.deliveries.lock_one(kept.id)) == kept
    ledger.close()
    migrate(engine, command.downgrade, "0004")
    with engine.connect() as connection:
        assert set(connection.execute(sa.select(old.c.chain)).scalars()) == {
            kept.replay_request,
            other.replay_request,
        }


def test_open_events_are_due_when_events_can_be_parked_and_when_they_cannot_any_more(url, engine):
    migrate(engine, command.upgrade, "0005")
    kept = make_event()
    values = {**event_values(kept), "due_at": 1, "created_at": 1}
    del values["trace_context"]
    with engine.begin() as connection:
        connection.execute(sa.insert(_as_of_0005()), values)
    ledger = SqlLedger(url, cipher=Cipher([]))

    ledger.upgrade()

    (due,) = ledger.run(lambda tx: tx.events.lock_due(before=tx.now(), limit=9))
    assert (due.id, due.parked) == (kept.id, "")
    ledger.run(lambda tx: tx.events.put_back([kept.id], due_at=tx.now(), parked=kept.name))
    assert ledger.run(lambda tx: tx.events.parked_lines(limit=9)) == [kept.name]
    ledger.close()
    migrate(engine, command.downgrade, "0005")
    with engine.connect() as connection:
        columns = {one["name"] for one in sa.inspect(connection).get_columns(event.name)}
        assert "parked" not in columns
        indexes = sa.inspect(connection).get_indexes(event.name)
    assert ["state", "due_at"] in [one["column_names"] for one in indexes]


def _as_of_0005():
    later = {"parked", "trace_context"}
    columns = [sa.Column(one.name, one.type) for one in event.c if one.name not in later]
    return sa.Table(event.name, sa.MetaData(), *columns)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused(start_server, encoding):
    server = start_server("PostgreSql")
    name = f"narrow_{encoding.lower()}"
    admin = sa.create_engine(server.admin_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        )
    admin.dispose()
    url = sa.make_url(server.admin_url).set(database=name).render_as_string(hide_password=False)
    ledger = SqlLedger(url, cipher=Cipher([]))
    with pytest.raises(LedgerUnavailable, match=f"encoding is {encoding}, which cannot"):
        ledger.upgrade()
    ledger.close()


def test_a_database_with_a_narrow_default_holds_every_text(start_server):
    server = start_server("MariaDb")
    url = sa.make_url(server.new_database())
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {url.database} CHARACTER SET utf8mb3")
    engine.dispose()
    settings = {"LEDGER_URL": url.render_as_string(hide_password=False), "EVENTS": {"a.b": {}}}
    with AsyncEvents(settings) as events:
        events.upgrade()
        event_id = events.publish("a.b", {"text": "Grüße 🎉"}, tenant="🎉")
        found = events.runtime.ledger.read(lambda view: view.events.get(event_id))
    assert (found.tenant, json.loads(found.body)["data"]) == ("🎉", {"text": "Grüße 🎉"})

"""The migrations make the schema that the code works with, on every database."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from attrs import evolve

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger, migrating
from asyncevents_core.adapters.sqlalchemy.deliveries import delivery_values
from asyncevents_core.adapters.sqlalchemy.schema import PREFIX, delivery, metadata
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.testing.builders import make_delivery


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

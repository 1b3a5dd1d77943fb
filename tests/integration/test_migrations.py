"""The migrations make the schema that the code works with, on every database."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger, migrating
from asyncevents_core.adapters.sqlalchemy.schema import PREFIX, metadata


@pytest.fixture(params=["sqlite", "PostgreSql", "MariaDb"])
def url(request, start_server, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return start_server(request.param).new_database()


def test_the_revision_that_the_code_wants_is_the_newest():
    folder = Path(migrating.__file__).with_name("migrations")
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == migrating.REVISION


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

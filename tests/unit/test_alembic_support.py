"""An application's Alembic leaves our tables alone: with a real autogenerate."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from kombu import Connection

from asyncevents_core import AsyncEvents
from asyncevents_core.alembic_support import include_name, include_object, is_ours


@pytest.fixture
def database(tmp_path):
    """A database with the tables of an application, of the ledger, and of a broker."""
    url = f"sqlite:///{tmp_path}/app.db"
    with AsyncEvents({"LEDGER_URL": url, "BROKER_URL": f"sqla+{url}"}) as events:
        events.upgrade()
    with Connection(f"sqla+{url}") as broker:
        broker.SimpleQueue("q").put("m")
        broker.transport.client.channel()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customer (id INTEGER NOT NULL PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE old (id INTEGER PRIMARY KEY)")
        yield connection
    engine.dispose()


def differences(connection, **options):
    models = sa.MetaData()
    sa.Table("customer", models, sa.Column("id", sa.Integer, primary_key=True))
    context = MigrationContext.configure(connection, opts=options)
    found = compare_metadata(context, models)
    return [(one[0], one[1].name) for one in found if one[0] == "remove_table"]


def test_alembic_alone_would_drop_everything(database):
    dropped = {name for kind, name in differences(database) if kind == "remove_table"}
    assert {"old", "asyncevents_event", "asyncevents_alembic_version"} <= dropped
    assert {one for one in dropped if is_ours(one)} == dropped - {"old"}
    assert "kombu_message" in dropped


@pytest.mark.parametrize(
    "hook", [{"include_name": include_name}, {"include_object": include_object}]
)
def test_with_the_hook_only_what_is_the_applications(database, hook):
    assert differences(database, **hook) == [("remove_table", "old")]

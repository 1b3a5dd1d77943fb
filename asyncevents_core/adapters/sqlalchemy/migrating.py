"""The ledger's schema: which revision it has, and bringing it to this version's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.schema import PREFIX

VERSION_TABLE: Final = f"{PREFIX}alembic_version"
REVISION: Final = "0005"
"""The newest revision in `migrations`, which this version works with."""


def revision(connection: Connection) -> str | None:
    """Return the revision of the schema; None where there is no ledger."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return found.scalar_one_or_none()


def upgrade(connection: Connection, dialect: SqlDialect) -> str:
    """Run what is missing of the migrations, one process at a time; return the revision."""
    # Imported here: applications and workers only look at the revision.
    from alembic import command
    from alembic.config import Config

    _lock_schema(connection, dialect)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return revision(connection) or ""


def _lock_schema(connection: Connection, dialect: SqlDialect) -> None:
    """Let one process migrate at a time. SQLite does already: BEGIN IMMEDIATE."""
    if dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7305271483501)"))
    elif not dialect.is_sqlite:
        connection.execute(text("SELECT GET_LOCK('asyncevents_schema', 60)"))

"""The ledger's schema: which revision it has, and bringing it to this version's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect, quoted
from asyncevents_core.adapters.sqlalchemy.schema import PREFIX
from asyncevents_core.errors import LedgerNotMigrated, LedgerUnavailable

VERSION_TABLE: Final = f"{PREFIX}alembic_version"
REVISION: Final = "0013"
"""The newest revision in `migrations`, which this version works with."""


def revision(connection: Connection, dialect: SqlDialect) -> str | None:
    """Return the revision of the schema; None where there is no ledger."""
    if not inspect(connection).has_table(VERSION_TABLE, schema=dialect.schema):
        return None
    table = dialect.qualified(VERSION_TABLE)
    found = connection.execute(text(f"SELECT version_num FROM {table}"))  # noqa: S608
    return found.scalar_one_or_none()


def is_newer(found: str | None) -> bool:
    """Tell whether a revision is one that this version does not know."""
    return found is not None and found > REVISION


def too_new(found: str | None) -> str:
    """Say what to do about a revision that this version does not know."""
    return (
        f"the ledger's schema is {found}, and this version of asyncevents-core knows it up to "
        f"{REVISION}: a newer version has made it. Upgrade here, too: pip install --upgrade "
        "asyncevents-core"
    )


def encoding_mistake(connection: Connection, dialect: SqlDialect) -> str | None:
    """Say why a database cannot hold every text; None where it can."""
    if dialect.name == "postgresql":
        encoding = str(connection.execute(text("SHOW server_encoding")).scalar())
        if encoding != "UTF8":
            return (
                f"the database's encoding is {encoding}, which cannot hold every text: make one "
                "with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            )
    return None


def upgrade(connection: Connection, dialect: SqlDialect) -> str:
    """Run what is missing of the migrations, one process at a time; return the revision."""
    if is_newer(found := revision(connection, dialect)):
        raise LedgerNotMigrated(too_new(found))
    if mistake := encoding_mistake(connection, dialect):
        raise LedgerUnavailable(mistake)
    # Imported here: applications and workers only look at the revision.
    from alembic import command
    from alembic.config import Config

    _lock_schema(connection, dialect)
    if dialect.schema is not None:
        _enter(connection, dialect.schema)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return revision(connection, dialect) or ""


def _enter(connection: Connection, schema: str) -> None:
    """Make a schema of PostgreSQL, and let names without one mean it, in this transaction."""
    known = text("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = :schema)")
    if not connection.execute(known, {"schema": schema}).scalar():
        # Only then: whoever may make no schemas may use one that was made for him.
        connection.execute(text(f"CREATE SCHEMA {quoted(schema)}"))
    path = text("SELECT set_config('search_path', :path, true)")
    connection.execute(path, {"path": quoted(schema)})


def _lock_schema(connection: Connection, dialect: SqlDialect) -> None:
    """Let one process migrate at a time. SQLite does already: BEGIN IMMEDIATE."""
    if dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7305271483501)"))
    elif not dialect.is_sqlite:
        connection.execute(text("SELECT GET_LOCK('asyncevents_schema', 60)"))

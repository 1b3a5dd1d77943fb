"""The ledger's schema: which revision it has, and bringing it to this version's."""

from __future__ import annotations

import logging
import re
import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect, quoted
from asyncevents_core.adapters.sqlalchemy.failures import is_lock_timeout
from asyncevents_core.adapters.sqlalchemy.schema import PREFIX
from asyncevents_core.errors import LedgerNotMigrated, LedgerUnavailable

logger = logging.getLogger("asyncevents.ledger")

VERSION_TABLE: Final = f"{PREFIX}alembic_version"
REVISION: Final = "0015_from_0014"
"""The newest revision in `migrations`, which this version works with."""
_PROMISE: Final = re.compile(r"\d{4}_from_(\d{4})")
"""A revision that older versions work with, too: 0016_from_0014 serves those that know 0014."""
_LOCK_WAIT: Final = 2.0
"""Seconds that a migration waits for a lock. Whoever comes after it waits behind it meanwhile."""
_PAUSE: Final = 2.0
"""Seconds that others have for themselves before it asks again."""
_PATIENCE: Final = 300.0
"""Seconds after which it gives up."""


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


def serves_us(found: str | None) -> bool:
    """Tell whether a newer revision only added to what this version needs, and says so."""
    promise = _PROMISE.fullmatch(found or "")
    return promise is not None and promise[1] <= REVISION[:4]


def beside_newer(found: str | None) -> str:
    """Say what a newer revision that serves this version means."""
    return (
        f"the ledger's schema is {found}: a newer version of asyncevents-core has made it. "
        "This one works beside it until you upgrade here, too"
    )


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


def upgrade(
    engine: Engine,
    dialect: SqlDialect,
    *,
    lock_wait: float = _LOCK_WAIT,
    pause: float = _PAUSE,
    patience: float = _PATIENCE,
) -> str:
    """Run what is missing of the migrations, one process at a time; return the revision.

    Of a newer schema that serves this version nothing is changed. On PostgreSQL a migration that
    does not get a lock within `lock_wait` seconds lets go of what it has for `pause` seconds, so
    that workers and publishers go on, and begins again. Raises `LedgerNotMigrated` for a schema
    that is too new, `LedgerUnavailable` after `patience` seconds.
    """
    until, named = time.monotonic() + patience, False
    while True:
        try:
            with engine.begin() as connection:
                return _upgrade(connection, dialect, lock_wait)
        except DBAPIError as error:
            # Elsewhere half of a migration would be there already.
            if dialect.name != "postgresql" or not is_lock_timeout(error):
                raise
            if time.monotonic() >= until:
                raise LedgerUnavailable(
                    f"the schema could not be changed within {patience:g} s, since a transaction "
                    "of somebody else holds locks: end it, and try again. Nothing was changed. "
                    "`asyncevents status` and pg_stat_activity name it"
                ) from error
        if not named:
            named = True
            logger.warning(
                "a transaction of somebody else keeps the schema from being changed; trying again",
                extra={"seconds": patience},
            )
        time.sleep(pause)


def _upgrade(connection: Connection, dialect: SqlDialect, lock_wait: float) -> str:
    found = revision(connection, dialect)
    if found is not None and is_newer(found):
        if serves_us(found):
            return found
        raise LedgerNotMigrated(too_new(found))
    if mistake := encoding_mistake(connection, dialect):
        raise LedgerUnavailable(mistake)
    # Imported here: applications and workers only look at the revision.
    from alembic import command
    from alembic.config import Config

    _lock_schema(connection, dialect)
    if dialect.name == "postgresql":
        # From here on: another process that migrates may take its time.
        limit = text("SELECT set_config('lock_timeout', :limit, true)")
        connection.execute(limit, {"limit": f"{round(lock_wait * 1000)}ms"})
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
        got = connection.execute(text("SELECT GET_LOCK('asyncevents_schema', 60)")).scalar()
        if got != 1:
            raise LedgerUnavailable(
                "another process has been changing the schema for a minute: when it has ended, "
                "try again"
            )

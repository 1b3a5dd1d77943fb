"""The ledger's tables through `manage.py migrate`: the framework's own migrations, on the alias."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations.base import Operation

from asyncevents_django.bridge import LABEL, bridge
from asyncevents_django.databases import is_in_memory

VERSION_TABLE = "asyncevents_alembic_version"


class UpgradeLedger(Operation):
    """Brings the ledger's tables to what the installed asyncevents-core needs.

    On the database that LEDGER names only. It takes a connection of its own, so its migration must
    not be in a transaction. Undone, it leaves the tables: they hold events that are not delivered.
    """

    reduces_to_sql = False
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change no models."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Make the tables, or bring them up to date."""
        upgrade(schema_editor.connection)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Leave the tables."""

    def describe(self) -> str:
        """Say what `migrate --plan` shows."""
        return "Make or upgrade the ledger's tables (asyncevents_…)"


def upgrade_after_migrate(
    sender: AppConfig, using: str, verbosity: int = 1, plan: object = None, **_: object
) -> None:
    """Bring the tables up to date where a newer asyncevents-core has changed them.

    Django has applied the migration already, and would not look again. Without a `plan` it was
    `flush`, as after each TransactionTestCase, which changes no tables.
    """
    if plan is None:
        return
    revision = upgrade(connections[using])
    if revision is not None and verbosity >= 2:
        print(f"The ledger's tables are at revision {revision}.")


def upgrade(connection: BaseDatabaseWrapper) -> str | None:
    """Upgrade the ledger if it is in this database; return its revision, None if it is not.

    Raises `AsyncEventsError`.
    """
    bridged = bridge()
    alias = bridged.alias
    if alias != connection.alias or not router.allow_migrate(alias, LABEL):
        return None
    try:
        revision = bridged.events.upgrade()
        if is_in_memory(connection):
            _copy_into_memory(Path(bridged.folder) / "ledger.db", connection)
        return revision
    finally:
        # Databases are cloned and removed from now on, which open connections would prevent.
        bridged.close()


def _copy_into_memory(file: Path, connection: BaseDatabaseWrapper) -> None:
    """Copy the tables of a new ledger into a database that only this process can reach."""
    if VERSION_TABLE in connection.introspection.table_names():
        return
    template = sqlite3.connect(file)
    try:
        script = "\n".join(template.iterdump())
    finally:
        template.close()
    connection.ensure_connection()
    driver: Any = connection.connection
    driver.executescript(script)

"""Alembic's environment: migrates on the connection that the ledger passes in."""

from alembic import context

from asyncevents_core.adapters.sqlalchemy.migrating import VERSION_TABLE
from asyncevents_core.adapters.sqlalchemy.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=False,
)
context.run_migrations()

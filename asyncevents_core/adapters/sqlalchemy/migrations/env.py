"""Alembic's environment: migrates on the connection that the ledger passes in."""

from alembic import context

from asyncevents_core.adapters.sqlalchemy.schema import PREFIX, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=f"{PREFIX}alembic_version",
    transactional_ddl=False,
)
context.run_migrations()

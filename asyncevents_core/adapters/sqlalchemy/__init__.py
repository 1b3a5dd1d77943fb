"""The ledger on SQLAlchemy: SQLite, PostgreSQL, MariaDB and MySQL."""

from asyncevents_core.adapters.sqlalchemy.ledger import SqlLedger

__all__ = ["SqlLedger"]

"""Brokers that are a file: SQLite does not tell when somebody writes to it."""

from __future__ import annotations

from kombu.connection import Connection

from asyncevents_core.adapters.kombu.transport_options import database, sql_prefix
from asyncevents_core.adapters.sqlalchemy.file_changes import FileChanges


def changes_of(url: str, connection: Connection) -> FileChanges | None:
    """Return what watches a broker's file, while that is open; None for other brokers.

    To look takes some 10 µs; to ask for messages takes 100 times as long.
    """
    prefix = sql_prefix(url)
    if prefix is None or database(url.removeprefix(prefix)).get_backend_name() != "sqlite":
        return None
    options = connection.transport_options or {}
    return FileChanges(options["creator"]())

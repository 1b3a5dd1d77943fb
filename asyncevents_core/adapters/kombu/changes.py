"""Waiting for a queue that is a file: SQLite does not tell when somebody writes to it."""

from __future__ import annotations

import sqlite3
import time
from typing import Final, Self

from kombu.connection import Connection

from asyncevents_core.adapters.kombu.transport_options import database, sql_prefix

_EVERY: Final = 0.005
"""Seconds between looks. One takes some 10 µs; to ask for messages takes 100 times as long."""


class Changes:
    """Tells soon when an SQLite file was written to, by this process or another. One thread's.

    It has a connection of its own, for which ``PRAGMA data_version`` is another number each time
    that any other connection has committed: https://www.sqlite.org/pragma.html#pragma_data_version
    """

    def __init__(self, watching: sqlite3.Connection) -> None:
        self._watching = watching
        self._seen = -1

    @classmethod
    def of(cls, url: str, connection: Connection) -> Self | None:
        """Return what watches a broker's file, while that is open; None for other brokers."""
        prefix = sql_prefix(url)
        if prefix is None or database(url.removeprefix(prefix)).get_backend_name() != "sqlite":
            return None
        options = connection.transport_options or {}
        return cls(options["creator"]())

    def wait(self, timeout: float) -> bool:
        """Wait for a change since the last one that was told of, for `timeout` seconds at most.

        Returns whether there was one; at the first call there was.

        Raises `sqlite3.Error`.
        """
        until = time.monotonic() + timeout
        while True:
            (version,) = self._watching.execute("PRAGMA data_version").fetchone()
            if version != self._seen:
                self._seen = version
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_EVERY, left))

    def close(self) -> None:
        """Close the connection."""
        self._watching.close()

"""Waiting for somebody to write to an SQLite file, which tells nobody of it."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

_EVERY: Final = 0.003
"""Seconds between looks. One takes some 10 µs."""


class FileChanges:
    """Tells soon when an SQLite file was written to, by this process or another. One thread's.

    It is given a connection of its own, for which ``PRAGMA data_version`` is another number each
    time that any other connection has committed:
    https://www.sqlite.org/pragma.html#pragma_data_version
    """

    def __init__(self, watching: sqlite3.Connection) -> None:
        self._watching = watching
        self._seen = -1

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

"""Ledgers that are upgraded already: migrating takes longer than most tests."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from pathlib import Path

from asyncevents_core.testing.ledger import make_ledger


def put_ledger(folder: Path, name: str = "ledger.db") -> None:
    """Put an empty ledger into a file of a folder, with an id of its own.

    Raises `FileExistsError` if it has a ledger.
    """
    make_ledger(folder).close()
    path = (folder / "ledger.db").rename(folder / name)
    path.chmod(0o600)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        # What is lost with the machine is lost with the test.
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            made = (uuid.uuid4().bytes,)
            connection.execute("UPDATE asyncevents_meta SET ledger_id = ?", made)

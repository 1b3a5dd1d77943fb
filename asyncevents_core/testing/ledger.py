"""Ledgers for tests: each an SQLite file of its own, copied from one that has the schema."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import SqlLedger


def make_ledger(
    folder: Path,
    *,
    secret_keys: Sequence[str] = (),
    clock_offset: Callable[[], int] = lambda: 0,
) -> SqlLedger:
    """Return an empty ledger, already upgraded, in the file `ledger.db` of this folder.

    Without `secret_keys` it gets a new key. `clock_offset` is that of `SqlLedger`. The caller
    closes the ledger and removes the folder. Raises `FileExistsError` if it has a ledger.
    """
    path = folder / "ledger.db"
    with path.open("xb") as file:
        file.write(_migrated())
    keys = secret_keys or [Fernet.generate_key().decode()]
    return SqlLedger(f"sqlite:///{path}", cipher=Cipher(keys), clock_offset=clock_offset)


@cache
def _migrated() -> bytes:
    """Return an SQLite file with the ledger's schema: migrating takes longer than most tests."""
    with tempfile.TemporaryDirectory(prefix="asyncevents-") as folder:
        path = Path(folder, "template.db")
        ledger = SqlLedger(f"sqlite:///{path}", cipher=Cipher([]))
        ledger.upgrade()
        # The last connection that closes writes what is in the log to the file.
        ledger.close()
        return path.read_bytes()

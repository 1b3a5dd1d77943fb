"""How a connection is called where operators see it: in lists of sessions, of clients."""

from __future__ import annotations

import re
from typing import Final

_OTHERS: Final = re.compile(r"[^A-Za-z0-9+._]+")
_LONGEST_ROLE: Final = 40


def connection_name(role: str, pid: int) -> str:
    """Return the name of a process's connections, at most 63 bytes without a space.

    >>> connection_name("worker", 4242), connection_name("db upgrade", 7)
    ('asyncevents-worker-4242', 'asyncevents-db-upgrade-7')
    """
    short = _OTHERS.sub("-", role).strip("-")[:_LONGEST_ROLE]
    return f"asyncevents-{short}-{pid}"

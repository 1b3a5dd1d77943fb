"""Heads of answers that the parser could not read to their end."""

from __future__ import annotations

import re
from typing import Final

_STATUS_LINE: Final = re.compile(rb"HTTP/(\d\.\d)[ \t]+(\d{3})(?:[ \t][^\n]*)?\r?\n")
_INTERIM_END: Final = re.compile(rb"\r?\n\r?\n")


def status_in(head: bytes) -> tuple[int, str] | None:
    """Return status and version of the last whole status line that is no interim one (1xx).

    None where there is none. `head` is all that came since the request was sent.
    """
    at = 0
    while True:
        while head.startswith((b"\r\n", b"\n"), at):
            at = head.index(b"\n", at) + 1
        line = _STATUS_LINE.match(head, at)
        if line is None:
            return None
        status = int(line[2])
        if not is_interim(status):
            return status, line[1].decode()
        end = _INTERIM_END.search(head, line.end() - 2)
        if end is None:
            return None
        at = end.end()


def is_interim(status: int) -> bool:
    """Tell whether another head follows. After 101 comes something that is no HTTP."""
    return 100 <= status < 200 and status != 101


def idle_seconds(value: bytes) -> float | None:
    """Read the time-out of a Keep-Alive header, seconds; None where it has none."""
    found = re.search(rb"timeout\s*=\s*\"?(\d{1,9})", value, re.IGNORECASE)
    return None if found is None else float(found[1])

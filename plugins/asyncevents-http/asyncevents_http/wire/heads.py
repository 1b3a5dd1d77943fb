"""Heads of answers that the parser could not read to their end."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

_STATUS_LINE: Final = re.compile(rb"HTTP/(\d\.\d)[ \t]+([1-9]\d\d)(?:[ \t][^\n]*)?\r?\n")
_BEGIN: Final = b"HTTP/"
_HEADER: Final = re.compile(rb"([^\s:]+)[ \t]*:(.*)", re.DOTALL)
_END: Final = re.compile(rb"\n\r?\n")


@frozen
class Head:
    """As much of a head as can be read: lines that are no headers are left out.

    `rest` is what followed it.
    """

    status: int
    version: str
    headers: list[tuple[bytes, bytes]]
    rest: bytes


def read_head(seen: bytes) -> Head | None:
    """Read the last head that is no interim one (1xx); None where there is no whole status line.

    `seen` is all that came since the request was sent.
    """
    while True:
        seen = seen.lstrip(b"\r\n")
        line = _STATUS_LINE.match(seen)
        if line is None:
            return None
        status = int(line[2])
        end = _END.search(seen, line.end() - 1)
        if not is_interim(status):
            lines = seen[line.end() : len(seen) if end is None else end.start() + 1]
            rest = b"" if end is None else seen[end.end() :]
            return Head(status, line[1].decode(), _headers(lines), rest)
        if end is None:
            return None
        seen = seen[end.end() :]


def awaits_head(seen: bytes) -> bool:
    """Tell whether another head may still come: what there is are interim ones (1xx), or a part.

    For an interim head that the parser cannot read: the one that counts follows it.
    """
    while True:
        seen = seen.lstrip(b"\r\n")
        line = _STATUS_LINE.match(seen)
        if line is None:
            return _is_begun(seen)
        if not is_interim(int(line[2])):
            return False
        end = _END.search(seen, line.end() - 1)
        if end is None:
            return True
        seen = seen[end.end() :]


def _is_begun(seen: bytes) -> bool:
    """Tell whether this may become a status line."""
    return b"\n" not in seen and (seen.startswith(_BEGIN) or _BEGIN.startswith(seen))


def _headers(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Read headers; the last line only if it is whole."""
    found = (_HEADER.fullmatch(one.rstrip(b"\r")) for one in lines.split(b"\n")[:-1])
    return [(one[1], one[2].strip()) for one in found if one is not None]


def is_interim(status: int) -> bool:
    """Tell whether another head follows. After 101 comes something that is no HTTP."""
    return 100 <= status < 200 and status != 101


def idle_seconds(value: bytes) -> float | None:
    """Read the time-out of a Keep-Alive header, seconds; None where it has none."""
    found = re.search(rb"timeout\s*=\s*\"?(\d{1,9})", value, re.IGNORECASE)
    return None if found is None else float(found[1])

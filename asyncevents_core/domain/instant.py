"""Instants and durations in microseconds, and ids that sort by time."""

from __future__ import annotations

import os
import struct
import time
import uuid
from datetime import UTC, datetime
from typing import Final

_MICROS: Final = 1_000_000


def micros(seconds: float) -> int:
    """Turn seconds into microseconds."""
    return round(seconds * _MICROS)


def to_datetime(instant: int) -> datetime:
    """Turn microseconds since the epoch into an aware datetime (UTC)."""
    seconds, rest = divmod(instant, _MICROS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def iso(at: datetime) -> str:
    """Turn an aware datetime (UTC) into ISO 8601, written as the REST API's encoder does.

    >>> iso(to_datetime(1_500_000))
    '1970-01-01T00:00:01.500000Z'
    """
    return at.isoformat().replace("+00:00", "Z")


NIL = uuid.UUID(int=0)
"""The replay request of a delivery that the fan-out made: there was none."""


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7: milliseconds, a 4096th of one, 62 random bits. Thread-safe.

    Ordered by time, so that rows written together lie together in the primary key; the
    fraction (RFC 9562, section 6.2, method 3) keeps what one process makes in its order.
    """
    return _uuid7(time.time_ns(), int.from_bytes(os.urandom(8), "big"))


def uuid7s(count: int) -> list[uuid.UUID]:
    """Return so many new UUIDv7 in their order, each as `uuid7` makes it. Thread-safe."""
    # Read at once: each read lets another thread run, and this one wait for it.
    randoms = struct.unpack(f">{count}Q", os.urandom(8 * count))
    return [_uuid7(time.time_ns(), random) for random in randoms]


def _uuid7(nanoseconds: int, random: int) -> uuid.UUID:
    """Return the UUIDv7 of a time since the epoch and of 64 random bits."""
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random >> 2)


def first_uuid7(instant: int) -> uuid.UUID:
    """Return the lowest UUIDv7 that can be made at `instant`, microseconds since the epoch."""
    return uuid.UUID(int=(instant // 1000) << 80)

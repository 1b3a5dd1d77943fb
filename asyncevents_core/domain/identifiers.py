"""Identifiers that clients make themselves: UUID version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import time
import uuid

NIL = uuid.UUID(int=0)
"""The chain of a delivery that the fan-out made; a replay's chain is its request's id."""


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7: 48 bits of milliseconds, 74 random bits. Thread-safe.

    Ordered by time, so that rows written together lie together in the primary key.
    """
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value &= ~(0xF << 76) & ~(0x3 << 62)
    return uuid.UUID(int=value | 0x7 << 76 | 0x2 << 62)

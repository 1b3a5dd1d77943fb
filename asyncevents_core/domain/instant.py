"""Instants and durations: microseconds since the epoch, as the ledger's clock counts them."""

from __future__ import annotations

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

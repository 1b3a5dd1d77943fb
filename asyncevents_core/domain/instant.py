"""Instants and durations: microseconds since the epoch, as the ledger counts them; schedules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cronsim import CronSim, CronSimError

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


def next_run(schedule: str, after: int) -> int:
    """Return the first time of a schedule behind `after`; both microseconds since the epoch.

    Raises ValueError, saying what is wrong, where it is not a cron expression of five fields.
    """
    try:
        found: datetime = next(CronSim(schedule, to_datetime(after)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{schedule!r} is not a cron schedule: {error}") from error
    return round(found.astimezone(UTC).timestamp()) * 1_000_000

"""Schedules in cron's syntax."""

from __future__ import annotations

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from asyncevents_core.domain.instant import to_datetime


def next_run(schedule: str, after: int) -> int:
    """Return the first time of a schedule behind `after`; both microseconds since the epoch.

    Raises ValueError, saying what is wrong, where it is not a cron expression of five fields.
    """
    try:
        found: datetime = next(CronSim(schedule, to_datetime(after)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{schedule!r} is not a cron schedule: {error}") from error
    return round(found.astimezone(UTC).timestamp()) * 1_000_000

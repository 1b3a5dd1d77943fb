"""What several forms have in common."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from asyncevents_core.domain.instant import to_datetime

ReadJson = Callable[[bytes], Any]
"""Turns JSON text of the ledger into a value for the answer: `json.loads`, or what leaves it as
it is."""


def optional_time(instant: int | None) -> datetime | None:
    """Return an instant in UTC; None where there is none."""
    return None if instant is None else to_datetime(instant)

"""Workers as the ledger sees them."""

from __future__ import annotations

import enum
from uuid import UUID

from attrs import frozen


class Role(enum.StrEnum):
    """What a worker consumes: new events, deliveries that are due (again), what to index."""

    TRIGGER = "trigger"
    RETRY = "retry"
    INDEX = "index"


@frozen(kw_only=True)
class WorkerRow:
    """A worker process that is alive, or was until `beat_at`. Its id is new at each start."""

    id: UUID
    host: str
    pid: int
    roles: tuple[Role, ...]
    started_at: int
    beat_at: int
    trouble: str | None = None
    """What it says is wrong with it, in words."""

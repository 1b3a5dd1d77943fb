"""Replays of many deliveries, as jobs that go on after a crash."""

from __future__ import annotations

import enum
from typing import Final
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.replay import DeadFilter, FoundFilter

DEFAULT_RATE: Final = 100.0
"""Deliveries a second, unless whoever asks wants another rate."""


class JobState(enum.StrEnum):
    """waiting -> running -> done; waiting | running -> cancelled."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


OVER = frozenset({JobState.DONE, JobState.CANCELLED})


class JobPhase(enum.StrEnum):
    """First deliveries, then events whose service failed, where a `DeadFilter` means them."""

    DELIVERIES = "deliveries"
    EVENTS = "events"


@frozen(kw_only=True)
class ReplayJob:
    """A replay of all that `wanted` means; its id is the `replay_request` of its deliveries.

    `total` was counted when it was made (attempts, of a `FoundFilter`, up to 10,000). `made`,
    `refused` and `passed_over` say how far it is, `phase` and `after` where it goes on. `rate` is
    deliveries a second at most. It belongs to `owner` until `due_at`; then another process may go
    on with it.
    """

    id: UUID
    requested_by: str
    wanted: DeadFilter | FoundFilter
    rate: float
    total: int
    state: JobState = JobState.WAITING
    phase: JobPhase = JobPhase.DELIVERIES
    after: UUID | None = None
    made: int = 0
    refused: int = 0
    passed_over: int = 0
    owner: UUID | None = None
    due_at: int = 0
    created_at: int = 0
    finished_at: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in OVER

    @property
    def seen(self) -> int:
        """How many it has looked at."""
        return self.made + self.refused + self.passed_over

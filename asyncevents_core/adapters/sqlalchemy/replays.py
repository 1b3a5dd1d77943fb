"""Replays: requests to send again, and those that run as jobs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from attrs import asdict
from sqlalchemy import Row, select, update

from asyncevents_core.adapters.sqlalchemy.deliveries import to_delivery
from asyncevents_core.adapters.sqlalchemy.schema import (
    attempt,
    delivery,
    event,
    replay,
    replay_job,
    subscription,
)
from asyncevents_core.adapters.sqlalchemy.statements import Noun, chunked, page
from asyncevents_core.domain.delivery import DeadReason, Delivery
from asyncevents_core.domain.replay import DeadFilter, FoundFilter, ReplayRequest
from asyncevents_core.domain.replay_job import OVER, JobPhase, JobState, ReplayJob
from asyncevents_core.ports.ledger.replays import Replays, ReplaysView

_OPEN: Final = [one.value for one in JobState if one not in OVER]


class SqlReplays(Noun, Replays):
    """See `Replays`."""

    def insert(self, request: ReplayRequest) -> None:
        values = {
            "id": request.id,
            "requested_by": request.requested_by,
            "requested_at": self._sql.now(),
            "what": request.what,
        }
        self._sql.insert(replay, [values])

    def lock_found(self, log_ids: Collection[int], *, tenant: str | None) -> Sequence[Delivery]:
        found: dict[UUID, Delivery] = {}
        for some in chunked(sorted(log_ids)):
            ids = select(attempt.c.delivery_id).where(attempt.c.id.in_(some)).distinct()
            chosen = sorted(self._sql.execute(ids).scalars())
            statement = (
                select(delivery)
                .join(event, event.c.id == delivery.c.event_id)
                .where(delivery.c.id.in_(chosen))
                .order_by(delivery.c.id)
            )
            if tenant is not None:
                owned = select(subscription.c.id).where(subscription.c.tenant == tenant)
                statement = statement.where(delivery.c.subscription_id.in_(owned))
            for row in self._sql.execute(self._sql.dialect.lock_waiting(statement)):
                found[row.id] = to_delivery(row)
        return [found[one] for one in sorted(found)]

    def insert_job(self, job: ReplayJob) -> None:
        self._sql.insert(replay_job, [_new_job_values(job, self._sql.now())])

    def lock_job(self, job_id: UUID) -> ReplayJob | None:
        statement = select(replay_job).where(replay_job.c.id == job_id)
        row = self._sql.execute(self._sql.dialect.lock_waiting(statement)).one_or_none()
        return None if row is None else _to_job(row)

    def lock_due_job(self) -> ReplayJob | None:
        statement = (
            select(replay_job)
            .where(replay_job.c.state.in_(_OPEN))
            .where(replay_job.c.due_at <= self._sql.now())
            .order_by(replay_job.c.id)
            .limit(1)
        )
        row = self._sql.execute(self._sql.dialect.lock(statement)).one_or_none()
        return None if row is None else _to_job(row)

    def update_job(self, job: ReplayJob) -> None:
        self._sql.execute(
            update(replay_job).where(replay_job.c.id == job.id).values(_job_values(job))
        )


class SqlReplaysView(Noun, ReplaysView):
    """See `ReplaysView`."""

    def job(self, job_id: UUID) -> ReplayJob | None:
        statement = select(replay_job).where(replay_job.c.id == job_id)
        row = self._sql.execute(statement).one_or_none()
        return None if row is None else _to_job(row)

    def jobs(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[ReplayJob]:
        found = self._sql.execute(page(replay_job, limit, before, tenant))
        return [_to_job(row) for row in found]


def to_replay(row: Row[Any]) -> ReplayRequest:
    """Read a request to replay."""
    values = row._mapping
    return ReplayRequest(
        id=values["id"],
        requested_by=values["requested_by"],
        what=values["what"],
        requested_at=values["requested_at"],
    )


def _job_values(job: ReplayJob) -> dict[str, Any]:
    """Return the columns of a job that change."""
    return {
        "state": job.state.value,
        "wanted": json.dumps(asdict(job.wanted)),
        "phase": job.phase.value,
        "after": job.after,
        "made": job.made,
        "refused": job.refused,
        "passed_over": job.passed_over,
        "owner": job.owner,
        "due_at": job.due_at,
        "finished_at": job.finished_at,
    }


def _new_job_values(job: ReplayJob, now: int) -> dict[str, Any]:
    """Return all columns of a new job."""
    return {
        **_job_values(job),
        "id": job.id,
        "requested_by": job.requested_by,
        "tenant": job.wanted.tenant,
        "rate": job.rate,
        "total": job.total,
        "due_at": now,
        "created_at": now,
    }


def _to_job(row: Row[Any]) -> ReplayJob:
    """Read a job."""
    values = row._mapping
    return ReplayJob(
        id=values["id"],
        requested_by=values["requested_by"],
        wanted=_to_wanted(json.loads(values["wanted"])),
        rate=values["rate"],
        total=values["total"],
        state=JobState(values["state"]),
        phase=JobPhase(values["phase"]),
        after=values["after"],
        made=values["made"],
        refused=values["refused"],
        passed_over=values["passed_over"],
        owner=values["owner"],
        due_at=values["due_at"],
        created_at=values["created_at"],
        finished_at=values["finished_at"],
    )


def _to_wanted(values: dict[str, Any]) -> DeadFilter | FoundFilter:
    if "query" in values:
        return FoundFilter(**values)
    reason = values.pop("reason")
    return DeadFilter(**values, reason=None if reason is None else DeadReason(reason))

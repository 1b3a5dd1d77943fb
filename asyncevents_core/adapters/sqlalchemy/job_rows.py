"""Row operations on replays that run as jobs."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update

from asyncevents_core.adapters.sqlalchemy import access_values
from asyncevents_core.adapters.sqlalchemy.schema import replay_job
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.domain.replay_job import OVER, JobState, ReplayJob

_OPEN = [one.value for one in JobState if one not in OVER]


class JobRows(Statements):
    """Jobs. See `LedgerTransaction`."""

    def insert_job(self, job: ReplayJob) -> None:
        self._insert(replay_job, [access_values.new_job_values(job, self.now())])

    def lock_job(self, job_id: UUID) -> ReplayJob | None:
        statement = select(replay_job).where(replay_job.c.id == job_id)
        row = self._connection.execute(self._dialect.lock_waiting(statement)).one_or_none()
        return None if row is None else access_values.to_job(row)

    def lock_due_job(self) -> ReplayJob | None:
        statement = (
            select(replay_job)
            .where(replay_job.c.state.in_(_OPEN))
            .where(replay_job.c.due_at <= self.now())
            .order_by(replay_job.c.id)
            .limit(1)
        )
        row = self._connection.execute(self._dialect.lock(statement)).one_or_none()
        return None if row is None else access_values.to_job(row)

    def update_job(self, job: ReplayJob) -> None:
        self._connection.execute(
            update(replay_job)
            .where(replay_job.c.id == job.id)
            .values(access_values.job_values(job))
        )

"""Reads for people: tokens, the audit log, overrides, jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Table, select

from asyncevents_core.adapters.sqlalchemy import access_values
from asyncevents_core.adapters.sqlalchemy.schema import audit, override, replay_job, token
from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.override import Override
from asyncevents_core.domain.replay_job import ReplayJob
from asyncevents_core.domain.token import ApiToken


class AccessQueries:
    """See `LedgerQueries`."""

    _connection: Connection

    def replay_job(self, job_id: UUID) -> ReplayJob | None:
        statement = select(replay_job).where(replay_job.c.id == job_id)
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else access_values.to_job(row)

    def replay_jobs(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[ReplayJob]:
        found = self._connection.execute(_page(replay_job, limit, before, tenant))
        return [access_values.to_job(row) for row in found]

    def token(self, token_id: UUID) -> ApiToken | None:
        row = self._connection.execute(select(token).where(token.c.id == token_id)).one_or_none()
        return None if row is None else access_values.to_token(row)

    def tokens(self) -> Sequence[ApiToken]:
        found = self._connection.execute(select(token).order_by(token.c.id))
        return [access_values.to_token(row) for row in found]

    def audit(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[AuditEntry]:
        found = self._connection.execute(_page(audit, limit, before, tenant))
        return [access_values.to_audit(row) for row in found]

    def overrides(self) -> Sequence[Override]:
        found = self._connection.execute(select(override).order_by(override.c.name))
        return [access_values.to_override(row) for row in found]


def _page(table: Table, limit: int, before: UUID | None, tenant: str | None) -> Select[Any]:
    statement = select(table).order_by(table.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.c.id < before)
    if tenant is not None:
        statement = statement.where(table.c.tenant == tenant)
    return statement

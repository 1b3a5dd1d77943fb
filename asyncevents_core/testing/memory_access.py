"""The ledger in memory: tokens, the audit log, idempotency keys, overrides, jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.audit import AuditEntry
from asyncevents_core.domain.idempotency import KEPT_FOR, EarlierResult, IdempotentRequest
from asyncevents_core.domain.override import Override
from asyncevents_core.domain.replay_job import ReplayJob
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.ports.ledger import LedgerTransaction
from asyncevents_core.testing.memory_tables import OnceRow, Tables

_by_id = attrgetter("id")


class AccessOperations(LedgerTransaction):
    """The part of a transaction that is about access."""

    _tables: Tables

    def insert_token(self, token: ApiToken) -> None:
        if token.id not in self._tables.tokens:
            self._tables.tokens.put(token.id, evolve(token, created_at=self.now()))

    def revoke_token(self, token_id: UUID) -> bool:
        token = self._tables.tokens.get(token_id)
        if token is None or token.revoked_at is not None:
            return False
        self._tables.tokens.put(token_id, evolve(token, revoked_at=self.now()))
        return True

    def touch_token(self, token_id: UUID) -> None:
        token = self._tables.tokens.get(token_id)
        if token is not None:
            self._tables.tokens.put(token_id, evolve(token, used_at=self.now()))

    def write_audit(self, entries: Sequence[AuditEntry]) -> None:
        for one in entries:
            if one.id not in self._tables.audit:
                details = json.loads(json.dumps(dict(one.details), default=str))
                self._tables.audit.put(one.id, evolve(one, details=details, at=self.now()))

    def begin_request(self, request: IdempotentRequest) -> EarlierResult | None:
        oldest = self.now() - KEPT_FOR * 1_000_000
        for key, row in self._tables.once.items():
            if row.created_at < oldest:
                self._tables.once.delete(key)
        there = self._tables.once.get(request.key)
        if there is not None and there.result is not None:
            return EarlierResult(digest=there.digest, result=there.result)
        row = OnceRow(digest=request.digest, result=None, created_at=self.now())
        self._tables.once.put(request.key, row)
        return None

    def finish_request(self, request: IdempotentRequest, result: str) -> None:
        row = self._tables.once.get(request.key)
        if row is not None:
            self._tables.once.put(request.key, evolve(row, result=result))

    def set_override(self, name: str, value: int | bool | None, *, by: str) -> None:
        if value is None:
            self._tables.overrides.delete(name)
            return
        made = Override(name=name, value=value, changed_by=by, changed_at=self.now())
        self._tables.overrides.put(name, made)

    def insert_job(self, job: ReplayJob) -> None:
        if job.id not in self._tables.jobs:
            now = self.now()
            self._tables.jobs.put(job.id, evolve(job, created_at=now, due_at=now))

    def lock_job(self, job_id: UUID) -> ReplayJob | None:
        return self._tables.jobs.get(job_id)

    def lock_due_job(self) -> ReplayJob | None:
        now = self.now()
        due = [one for one in self._tables.jobs if not one.is_over and one.due_at <= now]
        return min(due, key=_by_id, default=None)

    def update_job(self, job: ReplayJob) -> None:
        if job.id in self._tables.jobs:
            self._tables.jobs.put(job.id, job)


class AccessQueries:
    """The reads about access."""

    _tables: Tables

    def replay_job(self, job_id: UUID) -> ReplayJob | None:
        """See `LedgerQueries`."""
        return self._tables.jobs.get(job_id)

    def replay_jobs(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[ReplayJob]:
        """See `LedgerQueries`."""
        found = [
            one
            for one in self._tables.jobs
            if (before is None or one.id < before) and tenant in (None, one.wanted.tenant)
        ]
        return sorted(found, key=_by_id, reverse=True)[:limit]

    def token(self, token_id: UUID) -> ApiToken | None:
        """See `LedgerQueries`."""
        return self._tables.tokens.get(token_id)

    def tokens(self) -> Sequence[ApiToken]:
        """See `LedgerQueries`."""
        return sorted(self._tables.tokens, key=_by_id)

    def audit(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[AuditEntry]:
        """See `LedgerQueries`."""
        found = [
            one
            for one in self._tables.audit
            if (before is None or one.id < before) and tenant in (None, one.tenant)
        ]
        return sorted(found, key=_by_id, reverse=True)[:limit]

    def overrides(self) -> Sequence[Override]:
        """See `LedgerQueries`."""
        return sorted(self._tables.overrides, key=attrgetter("name"))

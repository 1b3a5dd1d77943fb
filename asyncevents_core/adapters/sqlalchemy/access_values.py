"""Rows of tokens, the audit log, overrides and jobs to values and back."""

from __future__ import annotations

import json
from typing import Any

from attrs import asdict
from sqlalchemy import Row

from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.override import Override
from asyncevents_core.domain.replay import DeadFilter, FoundFilter
from asyncevents_core.domain.replay_job import JobPhase, JobState, ReplayJob
from asyncevents_core.domain.token import ApiToken


def token_values(new: ApiToken, now: int) -> dict[str, Any]:
    """Return the columns of a new token."""
    return {
        "id": new.id,
        "digest": new.digest,
        "name": new.name,
        "resources": json.dumps(new.resources),
        "tenant": new.tenant,
        "created_at": now,
        "expires_at": new.expires_at,
        "revoked_at": new.revoked_at,
        "used_at": new.used_at,
    }


def to_token(row: Row[Any]) -> ApiToken:
    """Read a token."""
    values = row._mapping
    return ApiToken(
        id=values["id"],
        digest=bytes(values["digest"]),
        name=values["name"],
        resources=tuple(json.loads(values["resources"])),
        tenant=values["tenant"],
        created_at=values["created_at"],
        expires_at=values["expires_at"],
        revoked_at=values["revoked_at"],
        used_at=values["used_at"],
    )


def audit_values(entry: AuditEntry, now: int) -> dict[str, Any]:
    """Return the columns of a new entry."""
    return {
        "id": entry.id,
        "who": entry.who,
        "action": entry.action,
        "subject": entry.subject,
        "tenant": entry.tenant,
        "details": json.dumps(dict(entry.details), default=str),
        "at": now,
    }


def to_audit(row: Row[Any]) -> AuditEntry:
    """Read an entry."""
    values = row._mapping
    return AuditEntry(
        id=values["id"],
        who=values["who"],
        action=values["action"],
        subject=values["subject"],
        tenant=values["tenant"],
        details=json.loads(values["details"]),
        at=values["at"],
    )


def to_override(row: Row[Any]) -> Override:
    """Read an override."""
    values = row._mapping
    return Override(
        name=values["name"],
        value=json.loads(values["value"]),
        changed_by=values["changed_by"],
        changed_at=values["changed_at"],
    )


def job_values(job: ReplayJob) -> dict[str, Any]:
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


def new_job_values(job: ReplayJob, now: int) -> dict[str, Any]:
    """Return all columns of a new job."""
    return {
        **job_values(job),
        "id": job.id,
        "requested_by": job.requested_by,
        "tenant": job.wanted.tenant,
        "rate": job.rate,
        "total": job.total,
        "due_at": now,
        "created_at": now,
    }


def to_job(row: Row[Any]) -> ReplayJob:
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

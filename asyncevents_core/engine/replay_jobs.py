"""Replays of many deliveries as jobs: counted, rate-capped, cancellable, safe from crashes.

A job's counts and its place are written in the transaction that makes its deliveries, so a job
whose process was killed goes on in another one as if nothing had happened.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.audit import AuditEntry
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.job import JobPhase, JobState, ReplayJob
from asyncevents_core.domain.once import Once
from asyncevents_core.domain.replay import DeadFilter, ReplayRequest
from asyncevents_core.engine.once import do_once
from asyncevents_core.engine.policy import micros
from asyncevents_core.engine.replay import BATCH, Step, note_request, reopen_batch, replay_batch
from asyncevents_core.errors import NotFound
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

LEASE: Final = 60.0
"""Seconds for which a job belongs to the process that runs it, beyond its own pauses."""
LONGEST_PAUSE: Final = 10.0
"""Seconds between two steps at most, so that a cancelled job ends soon."""


def start_job(
    ledger: Ledger, wanted: DeadFilter, *, rate: float, by: Actor, once: Once | None = None
) -> ReplayJob:
    """Count what the filter means and make a job of it, which whoever runs jobs then takes.

    What becomes a dead letter, or arrives, after this moment is not meant. Raises
    `IdempotencyConflict`.
    """
    job_id = uuid7()

    def count() -> tuple[DeadFilter, int]:
        now = ledger.read(lambda queries: queries.now())
        until = now if wanted.until is None else min(now, wanted.until)
        bounded = evolve(wanted, until=until)
        return bounded, ledger.read(lambda queries: queries.count_dead(bounded))

    bounded, total = count()
    job = ReplayJob(id=job_id, requested_by=by.who, wanted=bounded, rate=rate, total=total)

    def insert(tx: LedgerTransaction) -> str:
        request = ReplayRequest(id=job_id, requested_by=by.who, what=str(bounded))
        note_request(tx, request, tenant=bounded.tenant)
        tx.insert_job(job)
        return str(job_id)

    made = UUID(ledger.run(lambda tx: do_once(tx, once, lambda: insert(tx))))
    return _existing(ledger.read(lambda queries: queries.replay_job(made)), made)


def cancel_job(ledger: Ledger, job_id: UUID, *, by: Actor) -> ReplayJob:
    """Cancel a job after the step under way; one that is over stays as it is.

    Raises `NotFound`.
    """
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> ReplayJob:
        job = _existing(tx.lock_job(job_id), job_id)
        if not by.sees(job.wanted.tenant):
            raise _missing(job_id)
        if job.is_over:
            return job
        cancelled = evolve(job, state=JobState.CANCELLED, owner=None, finished_at=tx.now())
        tx.update_job(cancelled)
        tx.write_audit(
            [
                AuditEntry(
                    id=entry_id,
                    who=by.who,
                    action="replay.cancel",
                    subject=str(job_id),
                    tenant=job.wanted.tenant,
                )
            ]
        )
        return cancelled

    return ledger.run(work)


def take_job(ledger: Ledger, owner: UUID) -> UUID | None:
    """Take a job that nobody runs, and return its id; None if there is none."""

    def work(tx: LedgerTransaction) -> UUID | None:
        job = tx.lock_due_job()
        if job is None:
            return None
        due_at = tx.now() + micros(LEASE)
        tx.update_job(evolve(job, state=JobState.RUNNING, owner=owner, due_at=due_at))
        return job.id

    return ledger.run(work)


def give_back_job(ledger: Ledger, job_id: UUID, owner: UUID) -> None:
    """Let another process go on with a job at once, because this one stops."""

    def work(tx: LedgerTransaction) -> None:
        job = tx.lock_job(job_id)
        if job is not None and job.state is JobState.RUNNING and job.owner == owner:
            tx.update_job(evolve(job, owner=None, due_at=tx.now()))

    ledger.run(work)


def run_step(ledger: Ledger, job_id: UUID, owner: UUID) -> float | None:
    """Replay the next few of a job; return how many seconds to pause then.

    None: the job is over, or not this owner's any more.
    """
    return ledger.run(lambda tx: _step(tx, job_id, owner))


def _step(tx: LedgerTransaction, job_id: UUID, owner: UUID) -> float | None:
    job = tx.lock_job(job_id)
    if job is None or job.state is not JobState.RUNNING or job.owner != owner:
        return None
    limit = max(1, min(BATCH, int(job.rate)))
    step = _batch(tx, job, limit)
    if step.last is None:
        done = _next_phase(job, tx.now())
        tx.update_job(done)
        return None if done.is_over else 0.0
    pause = min(LONGEST_PAUSE, step.made / job.rate)
    tx.update_job(
        evolve(
            job,
            after=step.last,
            made=job.made + step.made,
            refused=job.refused + step.refused,
            passed_over=job.passed_over + step.passed_over,
            due_at=tx.now() + micros(LEASE + pause),
        )
    )
    return pause


def _batch(tx: LedgerTransaction, job: ReplayJob, limit: int) -> Step:
    if job.phase is JobPhase.DELIVERIES:
        return replay_batch(tx, job.wanted, job.id, job.after, limit)
    return reopen_batch(tx, job.wanted, job.after, limit)


def _next_phase(job: ReplayJob, now: int) -> ReplayJob:
    if job.phase is JobPhase.DELIVERIES:
        return evolve(job, phase=JobPhase.EVENTS, after=None)
    return evolve(job, state=JobState.DONE, owner=None, finished_at=now)


def _existing(job: ReplayJob | None, job_id: UUID) -> ReplayJob:
    if job is None:
        raise _missing(job_id)
    return job


def _missing(job_id: UUID) -> NotFound:
    return NotFound(f"no replay {job_id}")

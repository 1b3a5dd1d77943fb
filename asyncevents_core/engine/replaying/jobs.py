"""Replays of many deliveries as jobs: counted, rate-capped, cancellable, safe from crashes.

A job's counts and its place are written in the transaction that makes its deliveries, so a job
whose process was killed goes on in another one as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.instant import micros, uuid7
from asyncevents_core.domain.replay import DeadFilter, FoundFilter, ReplayRequest
from asyncevents_core.domain.replay_job import JobPhase, JobState, ReplayJob
from asyncevents_core.engine.replaying.by_query import found_batch, found_filter
from asyncevents_core.engine.replaying.replay import (
    BATCH,
    Step,
    note_request,
    reopen_batch,
    replay_batch,
)
from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.engine.shared.idempotency import do_idempotently
from asyncevents_core.errors import NotFound
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

LEASE: Final = 60.0
"""Seconds for which a job belongs to the process that runs it, beyond its own pauses."""
LONGEST_PAUSE: Final = 10.0
"""Seconds between two steps at most, so that a cancelled job ends soon."""


def start_job(
    ledger: Ledger,
    wanted: DeadFilter | FoundFilter,
    *,
    total: int,
    rate: float,
    by: Actor,
    idempotency: IdempotentRequest | None = None,
) -> ReplayJob:
    """Make a job, which whoever runs jobs then takes. Raises `IdempotencyConflict`.

    `wanted` comes from `count_job` or `found_filter`: what becomes a dead letter, arrives or is
    attempted after that is not meant. `total` were counted.
    """
    job = ReplayJob(id=uuid7(), requested_by=by.who, wanted=wanted, rate=rate, total=total)

    def insert(tx: LedgerTransaction) -> str:
        request = ReplayRequest(id=job.id, requested_by=by.who, what=str(wanted))
        note_request(tx, request, by=by, tenant=wanted.tenant)
        tx.replays.insert_job(job)
        return str(job.id)

    made = UUID(ledger.run(lambda tx: do_idempotently(tx, idempotency, lambda: insert(tx))))
    return _existing(ledger.read(lambda view: view.replays.job(made)), made)


def start_found(
    ledger: Ledger,
    search: LogSearch,
    query: str,
    *,
    rate: float,
    by: Actor,
    tenant: str | None,
    idempotency: IdempotentRequest | None = None,
) -> ReplayJob:
    """Make a job that replays what a query finds now. Raises as `LogSearch` and `start_job`."""
    wanted = found_filter(ledger, query, tenant=tenant)
    total, _ = search.count(wanted)
    return start_job(ledger, wanted, total=total, rate=rate, by=by, idempotency=idempotency)


def count_job(ledger: Ledger, wanted: DeadFilter) -> tuple[DeadFilter, int]:
    """Return the filter for what it means now, without what comes later; and how many these are."""
    now = ledger.read(lambda view: view.now())
    bounded = evolve(wanted, until=now if wanted.until is None else min(now, wanted.until))
    return bounded, ledger.read(lambda view: view.dead_letters.count(bounded))


def cancel_job(ledger: Ledger, job_id: UUID, *, by: Actor) -> ReplayJob:
    """Cancel a job after the step under way; one that is over stays as it is.

    Raises `NotFound`.
    """
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> ReplayJob:
        job = _existing(tx.replays.lock_job(job_id), job_id)
        if not by.sees(job.wanted.tenant):
            raise _missing(job_id)
        if job.is_over:
            return job
        cancelled = evolve(job, state=JobState.CANCELLED, owner=None, finished_at=tx.now())
        tx.replays.update_job(cancelled)
        audit(tx, by, "replay.cancel", entry_id=entry_id, subject=job_id, tenant=job.wanted.tenant)
        return cancelled

    return ledger.run(work)


def take_job(ledger: Ledger, owner: UUID) -> UUID | None:
    """Take a job that nobody runs, and return its id; None if there is none."""

    def work(tx: LedgerTransaction) -> UUID | None:
        job = tx.replays.lock_due_job()
        if job is None:
            return None
        due_at = tx.now() + micros(LEASE)
        tx.replays.update_job(evolve(job, state=JobState.RUNNING, owner=owner, due_at=due_at))
        return job.id

    return ledger.run(work)


def give_back_job(ledger: Ledger, job_id: UUID, owner: UUID) -> None:
    """Let another process go on with a job at once, because this one stops."""

    def work(tx: LedgerTransaction) -> None:
        job = tx.replays.lock_job(job_id)
        if job is not None and job.state is JobState.RUNNING and job.owner == owner:
            tx.replays.update_job(evolve(job, owner=None, due_at=tx.now()))

    ledger.run(work)


def run_step(
    ledger: Ledger, job_id: UUID, owner: UUID, search: Callable[[], LogSearch]
) -> float | None:
    """Replay the next few of a job; return how many seconds to pause then.

    None: the job is over, or not this owner's any more. `search` is for jobs of what a query
    finds. Raises `LedgerError`, and for those what `LogSearch` and opening it raise.
    """
    job = ledger.read(lambda view: view.replays.job(job_id))
    if job is None or not _is_run_by(job, owner):
        return None
    wanted = job.wanted
    if isinstance(wanted, FoundFilter):
        found = search().find(wanted, _limit(job))
        return ledger.run(lambda tx: _found_step(tx, job_id, owner, wanted, found))
    return ledger.run(lambda tx: _dead_step(tx, job_id, owner, wanted))


def _dead_step(
    tx: LedgerTransaction, job_id: UUID, owner: UUID, wanted: DeadFilter
) -> float | None:
    job = tx.replays.lock_job(job_id)
    if job is None or not _is_run_by(job, owner):
        return None
    if job.phase is JobPhase.DELIVERIES:
        step = replay_batch(tx, wanted, job.id, job.after, _limit(job))
    else:
        step = reopen_batch(tx, wanted, job.after, _limit(job))
    if step.last is None:
        return _end_phase(tx, job)
    return _advance(tx, evolve(job, after=step.last), step)


def _found_step(
    tx: LedgerTransaction, job_id: UUID, owner: UUID, wanted: FoundFilter, found: Sequence[int]
) -> float | None:
    job = tx.replays.lock_job(job_id)
    # Where it goes on is in the filter: another process may have been there meanwhile.
    if job is None or not _is_run_by(job, owner) or job.wanted != wanted:
        return None
    if not found:
        return _end_phase(tx, job)
    step = found_batch(tx, found, job.id, tenant=wanted.tenant)
    return _advance(tx, evolve(job, wanted=evolve(wanted, before=found[-1])), step)


def _is_run_by(job: ReplayJob, owner: UUID) -> bool:
    return job.state is JobState.RUNNING and job.owner == owner


def _limit(job: ReplayJob) -> int:
    return max(1, min(BATCH, int(job.rate)))


def _advance(tx: LedgerTransaction, job: ReplayJob, step: Step) -> float:
    pause = min(LONGEST_PAUSE, step.made / job.rate)
    tx.replays.update_job(
        evolve(
            job,
            made=job.made + step.made,
            refused=job.refused + step.refused,
            passed_over=job.passed_over + step.passed_over,
            due_at=tx.now() + micros(LEASE + pause),
        )
    )
    return pause


def _end_phase(tx: LedgerTransaction, job: ReplayJob) -> float | None:
    done = _next_phase(job, tx.now())
    tx.replays.update_job(done)
    return None if done.is_over else 0.0


def _next_phase(job: ReplayJob, now: int) -> ReplayJob:
    if job.phase is JobPhase.DELIVERIES and isinstance(job.wanted, DeadFilter):
        return evolve(job, phase=JobPhase.EVENTS, after=None)
    return evolve(job, state=JobState.DONE, owner=None, finished_at=now)


def _existing(job: ReplayJob | None, job_id: UUID) -> ReplayJob:
    if job is None:
        raise _missing(job_id)
    return job


def _missing(job_id: UUID) -> NotFound:
    return NotFound(f"no replay {job_id}")

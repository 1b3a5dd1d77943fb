"""Replays: requests, what a search found, jobs."""

from __future__ import annotations

from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.replay_job import JobPhase, JobState, ReplayJob
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_attempt, make_subscription
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    LedgerFixtures,
    insert,
    now,
    publish,
    sorted_ids,
    subscribe,
    waiting,
)


class Replays(LedgerFixtures):
    """`tx.replays` and `view.replays`."""

    def test_deliveries_of_attempts_are_locked_once_each(self, ledger: Ledger) -> None:
        numbers = [
            subscribe(ledger, make_subscription(target=one or "none", tenant=one))
            for one in ("t", "u", None)
        ]
        made = [
            insert(ledger, evolve(waiting(subscription_id=one), event_id=publish(ledger)[0]))[0]
            for one in numbers
        ]
        for one, claim_no in ((made[0], 1), (made[1], 1), (made[0], 2), (made[2], 1)):
            attempt = make_attempt(delivery_id=one, claim_no=claim_no)
            ledger.run(lambda tx, attempt=attempt: tx.outcomes.record([attempt]))  # type: ignore[misc]
        logged = ledger.read(lambda view: view.index.attempts(after=0, limit=10))
        ids = [one.log_id for one in logged]

        def locked(*ids: int, tenant: str | None = None) -> list[UUID]:
            return [
                one.id for one in ledger.run(lambda tx: tx.replays.lock_found(ids, tenant=tenant))
            ]

        assert locked(*ids) == sorted(made)
        assert locked(ids[0], ids[2]) == [made[0]]
        assert locked(*ids, tenant="u") == [made[1]]
        assert locked(ids[0], tenant="u") == locked(ids[-1] + 1) == locked() == []

    def test_a_job_comes_back_as_it_was(self, ledger: Ledger) -> None:
        wanted = DeadFilter(event_name="a", reason=DeadReason.POISON, since=1, tenant="t")
        job = _job(wanted=wanted, rate=2.5, total=7)
        begun = now(ledger)
        for _ in range(2):
            ledger.run(lambda tx: tx.replays.insert_job(job))

        found = ledger.read(lambda view: view.replays.job(job.id))
        assert found is not None
        assert evolve(found, created_at=0, due_at=0) == job
        assert begun <= found.created_at <= now(ledger)

        later = evolve(
            found,
            state=JobState.RUNNING,
            phase=JobPhase.EVENTS,
            after=uuid7(),
            made=1,
            refused=2,
            passed_over=3,
            owner=uuid7(),
            due_at=now(ledger) + 60_000_000,
            finished_at=5,
        )
        ledger.run(lambda tx: tx.replays.update_job(later))
        assert ledger.run(lambda tx: tx.replays.lock_job(job.id)) == later
        assert ledger.run(lambda tx: tx.replays.lock_job(uuid7())) is None

    def test_the_oldest_job_that_is_due(self, ledger: Ledger, clock: ManualClock) -> None:
        old, young = (_job(id=one) for one in sorted_ids(2))
        ledger.run(lambda tx: [tx.replays.insert_job(one) for one in (young, old)])

        def due() -> UUID | None:
            found = ledger.run(lambda tx: tx.replays.lock_due_job())
            return None if found is None else found.id

        assert due() == old.id
        leased = evolve(old, state=JobState.RUNNING, due_at=now(ledger) + 60_000_000)
        ledger.run(lambda tx: tx.replays.update_job(leased))
        assert due() == young.id
        ledger.run(lambda tx: tx.replays.update_job(evolve(young, state=JobState.CANCELLED)))
        assert due() is None
        clock.advance(61)
        assert due() == old.id
        ledger.run(lambda tx: tx.replays.update_job(evolve(old, state=JobState.DONE)))
        assert due() is None

    def test_jobs_newest_first_in_pages(self, ledger: Ledger) -> None:
        ids = sorted_ids(3)
        tenants = (None, "t", None)
        jobs = [
            _job(id=one, wanted=DeadFilter(tenant=tenant))
            for one, tenant in zip(ids, tenants, strict=True)
        ]
        ledger.run(lambda tx: [tx.replays.insert_job(one) for one in jobs])

        def page(before: UUID | None, tenant: str | None = None) -> list[UUID]:
            found = ledger.read(
                lambda view: view.replays.jobs(limit=2, before=before, tenant=tenant)
            )
            return [one.id for one in found]

        assert page(None) == [ids[2], ids[1]]
        assert page(ids[1]) == [ids[0]]
        assert page(None, "t") == [ids[1]]


def _job(
    *,
    id: UUID | None = None,
    wanted: DeadFilter | None = None,
    rate: float = 100.0,
    total: int = 0,
) -> ReplayJob:
    return ReplayJob(
        id=id or uuid7(),
        requested_by="ann",
        wanted=wanted or DeadFilter(),
        rate=rate,
        total=total,
    )

"""Attempts, and outcomes with and without a fence."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import Attempt, Claim, DeadReason, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_attempt, make_delivery
from tests.conformance.ledger_base import (
    SECOND,
    LedgerFixtures,
    delivery_of,
    ended,
    insert,
    leased,
    now,
    publish,
    states_of,
    subscribe,
    waiting,
)


class Outcomes(LedgerFixtures):
    """What attempts come to."""

    # -- attempts ---------------------------------------------------------------------------

    def test_an_attempt_comes_back_as_it_was(self, ledger: Ledger) -> None:
        attempt = make_attempt(
            delivery_id=_delivery(ledger),
            claim_no=3,
            outcome=OutcomeKind.RETRYABLE,
            detail="HTTP 503: später",
            http_status=503,
            response="🐎" * 30_000,
            target="memory:orders",
            started_at=1_234_567_890_123_456,
            duration=0.125,
        )
        without_status = evolve(attempt, claim_no=4, http_status=None, response="")

        ledger.run(lambda tx: tx.outcomes.record([attempt, without_status]))

        assert _attempts(ledger, attempt.delivery_id) == [attempt, without_status]

    def test_an_attempt_is_written_once(self, ledger: Ledger) -> None:
        first = make_attempt(delivery_id=_delivery(ledger), detail="HTTP 200")
        second = evolve(first, outcome=OutcomeKind.RETRYABLE, detail="HTTP 500", http_status=500)

        ledger.run(lambda tx: tx.outcomes.record([first]))
        ledger.run(lambda tx: tx.outcomes.record([first]))
        ledger.run(lambda tx: tx.outcomes.record([second]))

        assert _attempts(ledger, first.delivery_id) == [first]

    def test_a_late_outcome_replaces_abandoned(self, ledger: Ledger) -> None:
        late = make_attempt(delivery_id=_delivery(ledger))
        abandoned = _abandoned(late)
        ledger.run(lambda tx: tx.outcomes.record([abandoned]))
        (before,) = ledger.read(lambda view: view.log.page(LogFilter(), limit=10, before=None))

        ledger.run(lambda tx: tx.outcomes.record([late]))

        (after,) = ledger.read(lambda view: view.log.page(LogFilter(), limit=10, before=None))
        assert before.attempt == abandoned
        assert after.attempt == late
        assert after.log_id == before.log_id

    def test_abandoned_replaces_nothing(self, ledger: Ledger) -> None:
        made = make_attempt(delivery_id=_delivery(ledger))
        first = _abandoned(evolve(made, claim_no=2))
        ledger.run(lambda tx: tx.outcomes.record([made, first]))

        ledger.run(
            lambda tx: tx.outcomes.record([_abandoned(made), evolve(first, detail="another")])
        )

        assert _attempts(ledger, made.delivery_id) == [made, first]

    # -- success, which has no fence --------------------------------------------------------

    def test_success_counts_whatever_happened_meanwhile(self, ledger: Ledger) -> None:
        ids = insert(
            ledger,
            leased(uuid7(), claims=2, deaths=1),
            waiting(100.0, parked=True),
            make_delivery(
                state=DeliveryState.DEAD, reason=DeadReason.EXHAUSTED, deaths=6, due_at=None
            ),
            ended(DeliveryState.HELD),
        )

        taken = ledger.run(lambda tx: tx.outcomes.mark_delivered(ids, owner=uuid7()))

        # Who has leased it may have vanished: its attempt is recorded by the caller.
        assert taken == [Claim(id=ids[0], claim_no=2)]
        for row in (delivery_of(ledger, one) for one in ids):
            assert row.state is DeliveryState.DELIVERED
            assert (row.due_at, row.owner, row.reason, row.parked) == (None, None, None, False)
        assert delivery_of(ledger, ids[0]).claims == 2
        assert delivery_of(ledger, ids[0]).deaths == 1

    def test_success_does_not_revive_cancelled_ones(self, ledger: Ledger) -> None:
        ids = insert(ledger, ended(DeliveryState.CANCELLED), ended(DeliveryState.DELIVERED))

        taken = ledger.run(lambda tx: tx.outcomes.mark_delivered(ids, owner=uuid7()))

        assert taken == []
        assert states_of(ledger, ids) == [DeliveryState.CANCELLED, DeliveryState.DELIVERED]

    def test_success_of_who_has_the_lease_overtakes_nobody(self, ledger: Ledger) -> None:
        owner = uuid7()
        ids = insert(ledger, leased(owner, claims=2), waiting(100.0))

        for _ in range(2):
            taken = ledger.run(lambda tx: tx.outcomes.mark_delivered(ids, owner=owner))
            assert taken == []

        assert states_of(ledger, ids) == [DeliveryState.DELIVERED] * 2

    # -- failure, which has one -------------------------------------------------------------

    def test_failure_waits_for_its_retry(self, ledger: Ledger) -> None:
        owner = uuid7()
        first, second = insert(
            ledger,
            evolve(leased(owner, claims=1), abandonments=2),
            leased(owner, claims=3, deaths=2),
        )
        due_at = now(ledger) + 9 * SECOND

        _fail(ledger, [(first, 1), (second, 3)], owner=owner, due_at=due_at)

        for row, deaths in ((delivery_of(ledger, first), 1), (delivery_of(ledger, second), 3)):
            assert row.state is DeliveryState.WAITING
            assert (row.due_at, row.owner, row.reason) == (due_at, None, None)
            assert (row.deaths, row.abandonments) == (deaths, 0)

    def test_failure_that_kills(self, ledger: Ledger) -> None:
        owner = uuid7()
        (one,) = insert(ledger, leased(owner, deaths=5))

        _fail(ledger, [(one, 1)], owner=owner, due_at=None, reason=DeadReason.EXHAUSTED)

        row = delivery_of(ledger, one)
        assert row.state is DeliveryState.DEAD
        assert (row.due_at, row.reason, row.deaths) == (None, DeadReason.EXHAUSTED, 6)

    def test_failure_of_another_claim_changes_nothing(self, ledger: Ledger) -> None:
        owner = uuid7()
        rows = [
            leased(owner, claims=2),
            leased(uuid7(), claims=1),
            waiting(100.0),
            ended(DeliveryState.DELIVERED),
            ended(DeliveryState.CANCELLED),
        ]
        ids = insert(ledger, *rows)
        before = [delivery_of(ledger, one) for one in ids]

        _fail(ledger, [(one, 1) for one in ids], owner=owner, due_at=None)

        assert [delivery_of(ledger, one) for one in ids] == before

    def test_failure_written_twice_is_one_death(self, ledger: Ledger) -> None:
        owner = uuid7()
        (one,) = insert(ledger, leased(owner))

        _fail(ledger, [(one, 1)], owner=owner, due_at=now(ledger))
        _fail(ledger, [(one, 1)], owner=owner, due_at=now(ledger))

        assert delivery_of(ledger, one).deaths == 1

    # -- neither ----------------------------------------------------------------------------

    def test_given_back_is_no_death(self, ledger: Ledger) -> None:
        owner = uuid7()
        mine, older, foreign = insert(
            ledger, leased(owner, claims=2, deaths=1), leased(owner, claims=3), leased(uuid7())
        )
        before = now(ledger)

        ledger.run(
            lambda tx: tx.outcomes.give_back(
                [
                    Claim(id=mine, claim_no=2),
                    *(Claim(id=one, claim_no=1) for one in (older, foreign)),
                ],
                owner=owner,
            )
        )

        row = delivery_of(ledger, mine)
        assert row.state is DeliveryState.WAITING
        assert (row.owner, row.claims, row.deaths) == (None, 2, 1)
        assert row.due_at is not None
        assert before <= row.due_at <= now(ledger)
        assert states_of(ledger, [older, foreign]) == [DeliveryState.LEASED] * 2


def _delivery(ledger: Ledger) -> UUID:
    """Make all the rows that a trace needs, and return the delivery's id."""
    subscription_id = subscribe(ledger)
    (event_id,) = publish(ledger)
    (delivery_id,) = insert(
        ledger, evolve(waiting(subscription_id=subscription_id), event_id=event_id)
    )
    return delivery_id


def _attempts(ledger: Ledger, delivery_id: UUID) -> list[Attempt]:
    trace = ledger.read(lambda view: view.traces.of_delivery(delivery_id))
    assert trace is not None
    return list(trace.attempts)


def _abandoned(attempt: Attempt) -> Attempt:
    return evolve(
        attempt, outcome=OutcomeKind.ABANDONED, detail="its worker vanished", http_status=None
    )


def _fail(
    ledger: Ledger,
    claims: Sequence[tuple[UUID, int]],
    *,
    owner: UUID,
    due_at: int | None,
    reason: DeadReason | None = None,
) -> None:
    ledger.run(
        lambda tx: tx.outcomes.mark_failed(
            [Claim(id=one, claim_no=number) for one, number in claims],
            owner=owner,
            state=DeliveryState.DEAD if due_at is None else DeliveryState.WAITING,
            due_at=due_at,
            reason=reason,
        )
    )

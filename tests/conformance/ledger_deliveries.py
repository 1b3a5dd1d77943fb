"""The rows of deliveries: insert, take what is due, park, hold, cancel."""

from __future__ import annotations

from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import DeadReason, DeliveryState
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_delivery, make_event
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    MANY,
    SECOND,
    LedgerFixtures,
    delivery_of,
    ended,
    event_of,
    insert,
    leased,
    now,
    publish,
    set_status,
    states_of,
    subscribe,
    waiting,
)


class Deliveries(LedgerFixtures):
    """Every operation on deliveries but their outcomes."""

    def test_waiting_rows_are_made_due_unless_they_are_due_much_later(self, ledger: Ledger) -> None:
        soon, later, parked = insert(
            ledger, waiting(60.0), waiting(62.0), waiting(-1.0, parked=True)
        )
        (lease,) = insert(ledger, leased(uuid7()))
        ids = [soon, later, parked, lease, uuid7()]
        before = now(ledger) + 61 * SECOND

        changed = ledger.run(lambda tx: tx.deliveries.make_due(ids, before=before))

        assert changed == 1
        due = ledger.run(lambda tx: tx.deliveries.lock_due(limit=10, expired=False))
        assert [one.id for one in due] == [soon]
        assert ledger.run(lambda tx: tx.deliveries.make_due([], before=before)) == 0

    # -- insert -----------------------------------------------------------------------------

    def test_a_row_comes_back_as_it_was(self, ledger: Ledger) -> None:
        row = make_delivery(
            subscription_id=7,
            replay_request=uuid7(),
            replay_of=uuid7(),
            state=DeliveryState.DEAD,
            reason=DeadReason.POISON,
            claims=3,
            deaths=2,
            abandonments=1,
            due_at=None,
            owner=uuid7(),
            parked=True,
            created_at=1_234_567_890_123_456,
        )

        ledger.run(lambda tx: tx.deliveries.insert([row]))

        assert delivery_of(ledger, row.id) == row
        assert ledger.run(lambda tx: tx.deliveries.lock_one(uuid7())) is None

    def test_one_delivery_per_event_subscription_and_replay_request(self, ledger: Ledger) -> None:
        first = waiting()
        same = evolve(waiting(), event_id=first.event_id)
        replay = evolve(waiting(), event_id=first.event_id, replay_request=uuid7())
        other = evolve(waiting(subscription_id=2), event_id=first.event_id)
        insert(ledger, first)

        ids = insert(ledger, same, replay, other)

        kept = ledger.run(lambda tx: tx.deliveries.existing([first.id, *ids]))
        assert kept == {first.id, replay.id, other.id}

    def test_same_id_again_is_passed_over(self, ledger: Ledger) -> None:
        row = waiting()
        insert(ledger, row)
        ledger.run(lambda tx: tx.deliveries.move([row.id], state=DeliveryState.HELD, due_at=None))

        insert(ledger, row)

        assert delivery_of(ledger, row.id).state is DeliveryState.HELD

    def test_fan_out_inserts_and_ends_the_event(self, ledger: Ledger) -> None:
        first, second = publish(ledger, make_event(), make_event())
        rows = [
            evolve(waiting(), event_id=first),
            evolve(waiting(subscription_id=2), event_id=first),
            evolve(waiting(), event_id=second),
        ]

        ledger.run(lambda tx: tx.deliveries.fan_out(rows, [first, second]))
        ledger.run(lambda tx: tx.deliveries.fan_out([evolve(rows[0], id=uuid7())], [first]))

        kept = ledger.run(lambda tx: tx.deliveries.existing([one.id for one in rows]))
        assert kept == {one.id for one in rows}
        assert {event_of(ledger, one).state for one in (first, second)} == {EventState.FANNED_OUT}

    def test_fan_out_to_nobody(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger, make_event())

        ledger.run(lambda tx: tx.deliveries.fan_out([], [event_id]))

        assert event_of(ledger, event_id).state is EventState.FANNED_OUT

    def test_nothing_to_insert(self, ledger: Ledger) -> None:
        ledger.run(lambda tx: tx.deliveries.insert([]))

        assert ledger.run(lambda tx: tx.deliveries.existing([])) == set()

    def test_many_deliveries_at_once(self, ledger: Ledger) -> None:
        ids = insert(ledger, *[waiting() for _ in range(MANY)])

        ledger.run(lambda tx: tx.deliveries.move(ids, state=DeliveryState.HELD, due_at=None))

        assert ledger.run(lambda tx: tx.deliveries.existing(ids)) == set(ids)
        assert ledger.read(lambda view: view.backlog()).held == MANY

    # -- due --------------------------------------------------------------------------------

    def test_lock_due_takes_waiting_ones_oldest_first(self, ledger: Ledger) -> None:
        second, first, third, _ = insert(
            ledger, waiting(-20.0), waiting(-30.0), waiting(-10.0), waiting(100.0)
        )

        assert _due(ledger) == [first, second, third]
        assert _due(ledger, limit=2) == [first, second]

    def test_lock_due_begins_where_it_is_told(self, ledger: Ledger) -> None:
        late, middle, _ = insert(ledger, waiting(-5.0), waiting(-20.0), waiting(-30.0))
        (lease,) = insert(ledger, leased(uuid7(), due=-10.0))

        def since(seconds: float) -> list[UUID]:
            return ledger.run(
                lambda tx: [
                    one.id
                    for one in tx.deliveries.lock_due(
                        since=tx.now() - round(seconds * SECOND), limit=10, expired=True
                    )
                ]
            )

        assert since(25.0) == [middle, lease, late]
        assert since(7.0) == [late]
        assert since(1.0) == []

    def test_lock_due_leaves_what_does_not_wait(self, ledger: Ledger) -> None:
        insert(
            ledger,
            waiting(-1.0, parked=True),
            leased(uuid7(), due=60.0),
            ended(DeliveryState.HELD),
            ended(DeliveryState.DELIVERED),
            ended(DeliveryState.DEAD),
            ended(DeliveryState.CANCELLED),
        )

        assert _due(ledger, expired=True) == []

    def test_lock_due_takes_expired_leases_if_asked(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        short, _, late = insert(
            ledger, leased(uuid7(), due=10.0), leased(uuid7(), due=100.0), waiting(20.0)
        )

        clock.advance(50.0)

        assert _due(ledger, expired=False) == [late]
        assert _due(ledger, expired=True) == [short, late]

    def test_leases_of_an_owner_that_have_run_out(self, ledger: Ledger, clock: ManualClock) -> None:
        owner, other = uuid7(), uuid7()
        second, first, *_ = insert(
            ledger,
            leased(owner, due=20.0),
            leased(owner, due=10.0),
            leased(owner, due=100.0),
            leased(other, due=10.0),
            waiting(-5.0),
        )

        def expired(limit: int = 9) -> list[UUID]:
            return ledger.run(
                lambda tx: [one.id for one in tx.deliveries.lock_expired(owner, limit=limit)]
            )

        assert expired() == []
        assert not ledger.run(lambda tx: tx.deliveries.has_expired(owner))
        clock.advance(50.0)
        assert expired() == [first, second]
        assert expired(limit=1) == [first]
        assert ledger.run(lambda tx: tx.deliveries.has_expired(owner))
        assert not ledger.run(lambda tx: tx.deliveries.has_expired(uuid7()))

    def test_parked_ones_are_taken_per_subscription(self, ledger: Ledger) -> None:
        second, first, other, _ = insert(
            ledger,
            waiting(-10.0, parked=True),
            waiting(-20.0, parked=True),
            waiting(-20.0, parked=True, subscription_id=2),
            waiting(-20.0),
        )

        def parked(subscription_id: int, limit: int = 10) -> list[UUID]:
            return ledger.run(
                lambda tx: [
                    one.id for one in tx.deliveries.lock_parked(subscription_id, limit=limit)
                ]
            )

        assert parked(1) == [first, second]
        assert parked(1, limit=1) == [first]
        assert parked(2) == [other]
        assert parked(3) == []

    def test_parked_ones_that_are_not_due_stay(self, ledger: Ledger) -> None:
        insert(ledger, waiting(100.0, parked=True))

        assert ledger.run(lambda tx: tx.deliveries.lock_parked(1, limit=10)) == []

    def test_parked_subscriptions(self, ledger: Ledger) -> None:
        first, deleted, unparked, cancelled, _ = (subscribe(ledger) for _ in range(5))
        set_status(ledger, deleted, SubscriptionStatus.DELETED)
        insert(
            ledger,
            waiting(parked=True, subscription_id=first),
            waiting(parked=True, subscription_id=first),
            waiting(subscription_id=first),
            waiting(parked=True, subscription_id=deleted),
            waiting(subscription_id=unparked),
            evolve(ended(DeliveryState.CANCELLED, subscription_id=cancelled), parked=True),
        )

        assert set(ledger.run(lambda tx: tx.deliveries.parked_subscriptions(limit=10))) == {
            first,
            deleted,
        }
        assert len(ledger.run(lambda tx: tx.deliveries.parked_subscriptions(limit=1))) == 1

    def test_held_ones_are_taken_per_subscription(self, ledger: Ledger) -> None:
        held, another, *_ = insert(
            ledger,
            ended(DeliveryState.HELD),
            ended(DeliveryState.HELD),
            ended(DeliveryState.HELD, subscription_id=2),
            waiting(),
        )

        found = ledger.run(lambda tx: tx.deliveries.lock_held(1, limit=10))

        assert {one.id for one in found} == {held, another}
        assert len(ledger.run(lambda tx: tx.deliveries.lock_held(1, limit=1))) == 1

    def test_whether_any_are_held(self, ledger: Ledger) -> None:
        insert(ledger, ended(DeliveryState.HELD), waiting(subscription_id=2))

        assert ledger.run(
            lambda tx: [
                tx.deliveries.has_held(1),
                tx.deliveries.has_held(2),
                tx.deliveries.has_held(3),
            ]
        ) == [
            True,
            False,
            False,
        ]

    # -- move -------------------------------------------------------------------------------

    def test_move_to_leased(self, ledger: Ledger) -> None:
        owner = uuid7()
        first, second = insert(ledger, waiting(parked=True), waiting())
        due_at = now(ledger) + 60 * SECOND

        ledger.run(
            lambda tx: tx.deliveries.move(
                [first], state=DeliveryState.LEASED, due_at=due_at, owner=owner, claimed=True
            )
        )

        row = delivery_of(ledger, first)
        assert row.state is DeliveryState.LEASED
        assert (row.due_at, row.owner, row.parked) == (due_at, owner, False)
        assert (row.claims, row.abandonments, row.deaths) == (1, 0, 0)
        assert delivery_of(ledger, second).state is DeliveryState.WAITING

    def test_move_counts_abandonments(self, ledger: Ledger) -> None:
        (one,) = insert(ledger, leased(uuid7(), claims=2, due=-1.0))

        ledger.run(
            lambda tx: tx.deliveries.move(
                [one],
                state=DeliveryState.LEASED,
                due_at=tx.now() + SECOND,
                owner=uuid7(),
                claimed=True,
                abandoned=True,
            )
        )

        row = delivery_of(ledger, one)
        assert (row.claims, row.abandonments, row.deaths) == (3, 1, 0)

    def test_move_to_dead_clears_what_is_not_given(self, ledger: Ledger) -> None:
        (one,) = insert(ledger, leased(uuid7(), due=-1.0))

        ledger.run(
            lambda tx: tx.deliveries.move(
                [one], state=DeliveryState.DEAD, due_at=None, reason=DeadReason.POISON
            )
        )

        row = delivery_of(ledger, one)
        assert row.state is DeliveryState.DEAD
        assert (row.due_at, row.owner, row.reason) == (None, None, DeadReason.POISON)
        assert row.claims == 1

    def test_move_to_parked_and_back(self, ledger: Ledger) -> None:
        (one,) = insert(ledger, waiting(-1.0))

        ledger.run(
            lambda tx: tx.deliveries.move(
                [one], state=DeliveryState.WAITING, due_at=tx.now(), parked=True
            )
        )
        parked = _due(ledger)
        ledger.run(
            lambda tx: tx.deliveries.move([one], state=DeliveryState.WAITING, due_at=tx.now())
        )

        assert parked == []
        assert _due(ledger) == [one]

    # -- cancel -----------------------------------------------------------------------------

    def test_cancel_takes_what_waits_or_is_held(self, ledger: Ledger) -> None:
        ids = insert(
            ledger,
            waiting(100.0),
            waiting(parked=True),
            ended(DeliveryState.HELD),
            leased(uuid7()),
            ended(DeliveryState.DELIVERED),
            ended(DeliveryState.DEAD),
            waiting(subscription_id=2),
        )

        count = ledger.run(lambda tx: tx.deliveries.cancel(1, limit=100))

        assert count == 3
        assert states_of(ledger, ids) == [
            DeliveryState.CANCELLED,
            DeliveryState.CANCELLED,
            DeliveryState.CANCELLED,
            DeliveryState.LEASED,
            DeliveryState.DELIVERED,
            DeliveryState.DEAD,
            DeliveryState.WAITING,
        ]
        assert delivery_of(ledger, ids[0]).due_at is None

    def test_cancel_in_steps(self, ledger: Ledger) -> None:
        insert(ledger, *[waiting() for _ in range(5)])

        counts = [ledger.run(lambda tx: tx.deliveries.cancel(1, limit=2)) for _ in range(4)]

        assert counts == [2, 2, 1, 0]


def _due(ledger: Ledger, *, limit: int = 10, expired: bool = False) -> list[UUID]:
    return ledger.run(
        lambda tx: [one.id for one in tx.deliveries.lock_due(limit=limit, expired=expired)]
    )

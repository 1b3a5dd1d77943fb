"""Who has an event: claims, leases, lines of parked ones."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from asyncevents_core.domain.delivery import Claim
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_event
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    SECOND,
    LedgerFixtures,
    event_of,
    now,
    publish,
    sorted_ids,
)


class EventClaims(LedgerFixtures):
    """Every operation that takes an event, or gives it back."""

    # -- claims -----------------------------------------------------------------------------

    def test_lock_events_takes_open_ones_by_id_whenever_due(self, ledger: Ledger) -> None:
        late = publish(ledger, make_event(), make_event(), due_in=1000.0)
        soon = publish(ledger)

        locked = ledger.run(lambda tx: tx.events.lock([*late, *soon, uuid7()]))

        assert [one.id for one in locked] == sorted([*late, *soon])

    def test_lock_events_leaves_what_is_claimed_or_over(self, ledger: Ledger) -> None:
        resolving, fanned_out, failed = publish(ledger, make_event(), make_event(), make_event())
        resolve(ledger, resolving, owner=uuid7(), lease=60.0)
        ledger.run(lambda tx: tx.events.mark_fanned_out([fanned_out]))
        ledger.run(lambda tx: tx.events.fail(failed, deaths=1, error="no"))

        locked = ledger.run(lambda tx: tx.events.lock([resolving, fanned_out, failed]))

        assert locked == []

    def test_lock_events_takes_an_expired_lease(self, ledger: Ledger, clock: ManualClock) -> None:
        (event_id,) = publish(ledger)
        resolve(ledger, event_id, owner=uuid7(), lease=60.0)

        clock.advance(61.0)

        (locked,) = ledger.run(lambda tx: tx.events.lock([event_id]))
        assert locked.state is EventState.RESOLVING

    def test_lock_due_events_oldest_first(self, ledger: Ledger) -> None:
        (second,) = publish(ledger, due_in=-20.0)
        (first,) = publish(ledger, due_in=-30.0)
        (third,) = publish(ledger, due_in=-10.0)
        publish(ledger, due_in=100.0)

        def due(limit: int) -> list[UUID]:
            return ledger.run(
                lambda tx: [one.id for one in tx.events.lock_due(before=tx.now(), limit=limit)]
            )

        assert due(10) == [first, second, third]
        assert due(2) == [first, second]

    def test_lock_due_events_begins_where_it_is_told(self, ledger: Ledger) -> None:
        (late,) = publish(ledger, due_in=-5.0)
        (early,) = publish(ledger, due_in=-30.0)

        def since(seconds: int) -> list[UUID]:
            return ledger.run(
                lambda tx: [
                    one.id
                    for one in tx.events.lock_due(
                        since=tx.now() - seconds * SECOND, before=tx.now(), limit=10
                    )
                ]
            )

        assert since(60) == [early, late]
        assert since(10) == [late]

    def test_lock_due_events_takes_expired_leases_only(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        short, long, over = publish(ledger, make_event(), make_event(), make_event())
        resolve(ledger, short, owner=uuid7(), lease=10.0)
        resolve(ledger, long, owner=uuid7(), lease=100.0)
        ledger.run(lambda tx: tx.events.mark_fanned_out([over]))

        clock.advance(50.0)

        due = ledger.run(lambda tx: tx.events.lock_due(before=tx.now(), limit=10))
        assert [one.id for one in due] == [short]

    def test_lock_due_events_looks_back_from_before(self, ledger: Ledger) -> None:
        publish(ledger, due_in=-5.0)

        due = ledger.run(lambda tx: tx.events.lock_due(before=tx.now() - 10 * SECOND, limit=10))

        assert due == []

    def test_start_resolving_counts_claims(self, ledger: Ledger, clock: ManualClock) -> None:
        (event_id,) = publish(ledger)
        first, second = uuid7(), uuid7()

        resolve(ledger, event_id, owner=first, lease=60.0)
        claimed = event_of(ledger, event_id)
        clock.advance(61.0)
        resolve(ledger, event_id, owner=second, lease=60.0, abandoned=True)
        again = event_of(ledger, event_id)

        assert claimed.state is EventState.RESOLVING
        assert (claimed.claims, claimed.abandonments, claimed.owner) == (1, 0, first)
        assert (again.claims, again.abandonments, again.owner) == (2, 1, second)
        assert again.due_at is not None
        assert claimed.due_at is not None
        assert again.due_at > claimed.due_at

    def test_lock_resolving_is_fenced(self, ledger: Ledger) -> None:
        owner, other = uuid7(), uuid7()
        ids = sorted_ids(3)
        publish(ledger, *[make_event(id=one) for one in ids])
        for one in ids:
            resolve(ledger, one, owner=owner, lease=60.0)
        claims = [Claim(id=one, claim_no=1) for one in reversed(ids)]

        mine = ledger.run(lambda tx: tx.events.lock_resolving(claims, owner=owner))
        foreign = ledger.run(lambda tx: tx.events.lock_resolving(claims, owner=other))
        wrong = [Claim(id=ids[0], claim_no=2)]

        assert [one.id for one in mine] == ids
        assert foreign == []
        assert ledger.run(lambda tx: tx.events.lock_resolving(wrong, owner=owner)) == []

    def test_lock_resolving_outlives_the_lease_until_the_next_claim(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        owner = uuid7()
        (event_id,) = publish(ledger)
        resolve(ledger, event_id, owner=owner, lease=10.0)
        claim = [Claim(id=event_id, claim_no=1)]
        clock.advance(11.0)

        late = ledger.run(lambda tx: tx.events.lock_resolving(claim, owner=owner))
        resolve(ledger, event_id, owner=uuid7(), lease=10.0, abandoned=True)
        too_late = ledger.run(lambda tx: tx.events.lock_resolving(claim, owner=owner))

        assert [one.id for one in late] == [event_id]
        assert too_late == []

    # -- parked -----------------------------------------------------------------------------

    def test_put_back_parks_an_event(self, ledger: Ledger) -> None:
        owner = uuid7()
        (event_id,) = publish(ledger)
        resolve(ledger, event_id, owner=owner, lease=60.0)
        ledger.run(lambda tx: tx.events.postpone(event_id, due_at=0, deaths=3, error="KeyError"))
        resolve(ledger, event_id, owner=owner, lease=60.0, abandoned=True)

        ledger.run(
            lambda tx: tx.events.put_back(
                [event_id], due_at=tx.now(), parked="order.created", abandoned=True
            )
        )

        event = event_of(ledger, event_id)
        assert (event.state, event.parked) == (EventState.OPEN, "order.created")
        assert (event.claims, event.deaths, event.abandonments) == (2, 3, 2)
        assert (event.owner, event.error) == (None, "KeyError")
        assert event.due_at is not None
        assert event.due_at <= now(ledger)

    def test_put_back_makes_an_event_due(self, ledger: Ledger) -> None:
        (event_id,) = publish(ledger)
        resolve(ledger, event_id, owner=uuid7(), lease=60.0, abandoned=True)

        ledger.run(lambda tx: tx.events.put_back([event_id], due_at=tx.now()))

        event = event_of(ledger, event_id)
        assert (event.state, event.parked, event.abandonments) == (EventState.OPEN, "", 1)
        due = ledger.run(lambda tx: tx.events.lock_due(before=tx.now(), limit=9))
        assert [one.id for one in due] == [event_id]

    def test_parked_events_are_neither_due_nor_handed_off(self, ledger: Ledger) -> None:
        parked, other = publish(ledger, make_event(), make_event(), due_in=-1.0)
        park(ledger, [parked], "order.created")

        due = ledger.run(lambda tx: tx.events.lock_due(before=tx.now(), limit=9))
        locked = ledger.run(lambda tx: tx.events.lock([parked, other]))

        assert [one.id for one in due] == [other]
        assert [one.id for one in locked] == [other]

    def test_lock_parked_takes_a_line_oldest_first(self, ledger: Ledger) -> None:
        ids = publish(ledger, *[make_event() for _ in range(3)])
        (foreign,) = publish(ledger)
        for number, one in enumerate(reversed(ids)):
            park(ledger, [one], "Order.created", due_at=number)
        park(ledger, [foreign], "order.created")

        def parked(line: str, limit: int) -> list[UUID]:
            return ledger.run(
                lambda tx: [one.id for one in tx.events.lock_parked(line, limit=limit)]
            )

        assert parked("Order.created", 9) == ids[::-1]
        assert parked("Order.created", 2) == [ids[2], ids[1]]
        assert parked("order.created", 9) == [foreign]
        assert parked("*", 9) == []

    def test_parked_lines(self, ledger: Ledger) -> None:
        ids = publish(ledger, *[make_event() for _ in range(5)])
        assert ledger.run(lambda tx: tx.events.parked_lines(limit=9)) == []
        lines = ["b", "a", "*", "a", "c"]
        for one, line in zip(ids, lines, strict=True):
            park(ledger, [one], line)
        resolve(ledger, ids[4], owner=uuid7(), lease=60.0)

        found = ledger.run(lambda tx: tx.events.parked_lines(limit=9))

        assert sorted(found) == ["*", "a", "b"]
        assert ledger.run(lambda tx: tx.events.parked_lines(limit=2)) == found[:2]

    def test_whatever_becomes_of_an_event_it_leaves_its_line(self, ledger: Ledger) -> None:
        ids = publish(ledger, *[make_event() for _ in range(4)])
        postponed, failed, fanned_out, resolving = ids
        park(ledger, ids, "a")

        ledger.run(lambda tx: tx.events.postpone(postponed, due_at=0, deaths=1, error="no"))
        ledger.run(lambda tx: tx.events.fail(failed, deaths=1, error="no"))
        ledger.run(lambda tx: tx.events.mark_fanned_out([fanned_out]))
        resolve(ledger, resolving, owner=uuid7(), lease=60.0)

        assert {event_of(ledger, one).parked for one in ids} == {""}
        assert ledger.run(lambda tx: tx.events.parked_lines(limit=9)) == []

    def test_who_is_resolving_an_event_again(self, ledger: Ledger, clock: ManualClock) -> None:
        first, again, over, nobody = (uuid7() for _ in range(4))
        ids = publish(ledger, *[make_event() for _ in range(4)])
        resolve(ledger, ids[0], owner=first, lease=60.0)
        resolve(ledger, ids[1], owner=again, lease=60.0, abandoned=True)
        resolve(ledger, ids[2], owner=over, lease=60.0, abandoned=True)
        ledger.run(lambda tx: tx.events.mark_fanned_out([ids[2]]))
        resolve(ledger, ids[3], owner=nobody, lease=60.0, abandoned=True)
        ledger.run(lambda tx: tx.events.put_back([ids[3]], due_at=tx.now()))

        def found(*owners: UUID) -> set[UUID]:
            return ledger.run(lambda tx: tx.events.resolving_again(owners))

        assert found(first, again, over, nobody) == {again}
        clock.advance(61.0)
        assert found(again, uuid7()) == {again}
        assert found(first) == set()
        assert found() == set()


def resolve(
    ledger: Ledger, event_id: UUID, *, owner: UUID, lease: float, abandoned: bool = False
) -> None:
    ledger.run(
        lambda tx: tx.events.start_resolving(
            [event_id],
            owner=owner,
            due_at=tx.now() + round(lease * SECOND),
            abandoned=abandoned,
        )
    )


def park(ledger: Ledger, ids: Sequence[UUID], line: str, due_at: int | None = None) -> None:
    ledger.run(
        lambda tx: tx.events.put_back(
            ids, due_at=tx.now() if due_at is None else due_at, parked=line
        )
    )

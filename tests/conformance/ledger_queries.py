"""What people read: traces, lists with pages, counts."""

from __future__ import annotations

from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.delivery import Attempt, DeadReason, DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import Backlog, DeadLetter, LogFilter, LogPosition, LogRow, Trace
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_attempt, make_event, make_subscription
from tests.clock import ManualClock
from tests.conformance.ledger_base import (
    SECOND,
    LedgerFixtures,
    delivery_of,
    ended,
    event_of,
    insert,
    leased,
    publish,
    sorted_ids,
    subscribe,
    waiting,
)

NOTHING = Backlog(
    events_open=0,
    events_due=0,
    events_resolving=0,
    events_failed=0,
    waiting_due=0,
    waiting_later=0,
    parked=0,
    leased=0,
    held=0,
    dead=0,
    oldest_due_at=None,
)


class Queries(LedgerFixtures):
    """Every read."""

    # -- trace ------------------------------------------------------------------------------

    def test_trace(self, ledger: Ledger) -> None:
        number = subscribe(ledger, make_subscription(sink="recording", target="memory:shop"))
        (event_id,) = publish(ledger, make_event(arguments=b'{"id":7}'))
        ledger.run(lambda tx: tx.events.store_bodies({event_id: b'{"specversion":"1.0"}'}))
        original, replay, again = sorted_ids(3)
        insert(ledger, evolve(waiting(subscription_id=number), id=original, event_id=event_id))
        for one in (again, replay):
            row = waiting(subscription_id=number)
            insert(
                ledger,
                evolve(row, id=one, event_id=event_id, replay_request=uuid7(), replay_of=original),
            )
        second, first = (make_attempt(delivery_id=original, claim_no=n) for n in (2, 1))
        ledger.run(lambda tx: tx.outcomes.record([second, first]))

        trace = ledger.read(lambda view: view.traces.of_delivery(original))

        assert trace is not None
        assert trace.delivery == delivery_of(ledger, original)
        assert trace.event == event_of(ledger, event_id)
        assert trace.event.body == b'{"specversion":"1.0"}'
        assert (trace.sink, trace.target) == ("recording", "memory:shop")
        assert trace.attempts == (first, second)
        assert trace.replays == (replay, again)

    def test_trace_of_nothing(self, ledger: Ledger) -> None:
        assert ledger.read(lambda view: view.traces.of_delivery(uuid7())) is None
        assert ledger.read(lambda view: view.events.get(uuid7())) is None

    def test_traces_of_an_event_oldest_first_in_pages(self, ledger: Ledger) -> None:
        free = subscribe(ledger)
        bound = subscribe(ledger, make_subscription(tenant="t"))
        mine, other = publish(ledger, make_event(), make_event())
        ids = sorted_ids(4)
        for one, number in zip(reversed(ids), (free, bound, free, bound), strict=True):
            row = evolve(waiting(subscription_id=number), id=one, event_id=mine, replay_request=one)
            insert(ledger, row)
        insert(ledger, evolve(waiting(subscription_id=free), event_id=other))
        _record(ledger, make_attempt(delivery_id=ids[1]))

        def traces(after: UUID | None = None, tenant: str | None = None) -> list[UUID]:
            found = ledger.read(
                lambda view: view.traces.of_event(mine, limit=3, after=after, tenant=tenant)
            )
            assert found == [trace(one.delivery.id) for one in found]
            return [one.delivery.id for one in found]

        def trace(delivery_id: UUID, tenant: str | None = None) -> Trace | None:
            return ledger.read(lambda view: view.traces.of_delivery(delivery_id, tenant=tenant))

        assert traces() == ids[:3]
        assert traces(after=ids[2]) == ids[3:]
        assert traces(after=ids[3]) == []
        assert traces(tenant="t") == ids[::2]
        assert traces(tenant="u") == []
        assert trace(ids[0], "t") is not None
        assert trace(ids[1], "t") is None

    # -- lists ------------------------------------------------------------------------------

    def test_events_newest_first_in_pages(self, ledger: Ledger) -> None:
        ids = sorted_ids(5)
        publish(ledger, *[make_event(id=one) for one in ids])

        def page(before: UUID | None) -> list[UUID]:
            found = ledger.read(lambda view: view.events.page(name=None, limit=2, before=before))
            return [one.id for one in found]

        assert page(None) == [ids[4], ids[3]]
        assert page(ids[3]) == [ids[2], ids[1]]
        assert page(ids[1]) == [ids[0]]
        assert page(ids[0]) == []

    def test_events_by_name_without_bodies(self, ledger: Ledger) -> None:
        wanted, _ = publish(ledger, make_event(name="a"), make_event(name="b"))
        ledger.run(lambda tx: tx.events.store_bodies({wanted: b"{}"}))

        (found,) = ledger.read(lambda view: view.events.page(name="a", limit=9, before=None))

        assert found == evolve(event_of(ledger, wanted), body=None)

    def test_logs_newest_first_in_pages(self, ledger: Ledger) -> None:
        first = self._logged(ledger, "a", attempts=2)
        second = self._logged(ledger, "b", attempts=1)

        def page(before: LogRow | None, subscription_id: int | None = None) -> list[LogRow]:
            return list(
                ledger.read(
                    lambda view: view.log.page(
                        LogFilter(subscription_id=subscription_id),
                        limit=2,
                        before=None if before is None else before.position,
                    )
                )
            )

        newest = page(None)
        older = page(newest[-1])
        assert [(one.event_name, one.attempt.claim_no) for one in newest + older] == [
            ("b", 1),
            ("a", 2),
            ("a", 1),
        ]
        assert page(older[-1]) == []
        assert [one.subscription_id for one in newest] == [second, first]
        assert newest[0].delivery_state is DeliveryState.WAITING
        assert newest[0].attempt.outcome is OutcomeKind.DELIVERED
        assert [one.attempt.claim_no for one in page(None, first)] == [2, 1]

    def test_logs_by_start_then_by_id(self, ledger: Ledger) -> None:
        subscription_id = subscribe(ledger)
        for start in (3_000, 1_000, 2_000, 2_000, 2_000):
            (event_id,) = publish(ledger, make_event())
            row = evolve(waiting(subscription_id=subscription_id), event_id=event_id)
            (one,) = insert(ledger, row)
            _record(ledger, make_attempt(delivery_id=one, started_at=start))

        def page(before: LogPosition | None, wanted: LogFilter) -> list[LogPosition]:
            rows = ledger.read(lambda view: view.log.page(wanted, limit=2, before=before))
            return [one.position for one in rows]

        def every(wanted: LogFilter) -> list[LogPosition]:
            found = page(None, wanted)
            while more := page(found[-1], wanted):
                found += more
            return found

        low, *_, high = ids = sorted(one.log_id for one in every(LogFilter()))
        starts = (3_000, 2_000, 2_000, 2_000, 1_000)
        positions = [
            LogPosition(started_at=start, log_id=ids[number])
            for start, number in zip(starts, (0, 4, 3, 2, 1), strict=True)
        ]
        assert every(LogFilter()) == positions
        assert every(LogFilter(since=2_000, until=3_000)) == positions[1:4]
        assert ledger.read(lambda view: view.log.position(low)) == positions[0]
        assert ledger.read(lambda view: view.log.position(high + 1)) is None
        assert ledger.read(lambda view: view.log.newest_id()) == high

    def test_log_ids_lowest_first(self, ledger: Ledger) -> None:
        self._logged(ledger, "a", attempts=3)

        def ids(after: int, limit: int) -> list[int]:
            return list(ledger.read(lambda view: view.log.ids(after=after, limit=limit)))

        everything = ids(0, 10)
        assert len(everything) == 3
        assert everything == sorted(everything)
        assert ids(0, 2) == everything[:2]
        assert ids(everything[1], 10) == everything[2:]

    def test_without_attempts_there_is_no_newest(self, ledger: Ledger) -> None:
        assert ledger.read(lambda view: view.log.newest_id()) == 0

    @pytest.mark.parametrize(
        ("wanted", "meant"),
        [
            (LogFilter(), "abcd"),
            (LogFilter(event_name="y"), "cd"),
            (LogFilter(tenant="t"), "bd"),
            (LogFilter(delivered=True), "ac"),
            (LogFilter(delivered=False), "bd"),
            (LogFilter(since=2_000), "bcd"),
            (LogFilter(until=3_000), "ab"),
            (LogFilter(since=2_000, until=4_000, delivered=False), "b"),
            (LogFilter(subscription_id=1), "ac"),
            (LogFilter(subscription_id=99), ""),
        ],
        ids=str,
    )
    def test_logs_by_filter(self, ledger: Ledger, wanted: LogFilter, meant: str) -> None:
        free = subscribe(ledger)
        bound = subscribe(ledger, make_subscription(tenant="t"))
        kinds = (OutcomeKind.DELIVERED, OutcomeKind.RETRYABLE)
        attempts: list[Attempt] = []
        for number, letter in enumerate("abcd"):
            owner = (free, bound)[number % 2]
            (event_id,) = publish(ledger, make_event(name="xxyy"[number]))
            (one,) = insert(ledger, evolve(waiting(subscription_id=owner), event_id=event_id))
            attempts.append(
                make_attempt(
                    delivery_id=one,
                    outcome=kinds[number % 2],
                    target=letter,
                    started_at=1_000 * (number + 1),
                )
            )
        for attempt in attempts:
            _record(ledger, attempt)

        found = ledger.read(lambda view: view.log.page(wanted, limit=9, before=None))

        assert "".join(one.attempt.target for one in reversed(found)) == meant

    def test_events_of_a_tenant(self, ledger: Ledger) -> None:
        mine, _, _ = publish(ledger, make_event(tenant="t"), make_event(tenant="u"), make_event())

        found = ledger.read(
            lambda view: view.events.page(name=None, limit=9, before=None, tenant="t")
        )

        assert [one.id for one in found] == [mine]

    def test_dead_letters_newest_first(self, ledger: Ledger) -> None:
        number = subscribe(ledger, make_subscription(target="memory:shop"))
        oldest, middle, newest, event_id = sorted_ids(4)
        publish(ledger, make_event(id=event_id, name="a"), make_event(id=oldest, name="b"))
        ledger.run(lambda tx: tx.events.fail(oldest, deaths=6, reason="no such order"))
        for one, reason in ((middle, DeadReason.EXHAUSTED), (newest, DeadReason.PERMANENT)):
            row = evolve(ended(DeliveryState.DEAD, subscription_id=number), deaths=6)
            insert(
                ledger, evolve(row, id=one, event_id=event_id, reason=reason, replay_request=one)
            )
        insert(ledger, evolve(waiting(subscription_id=number), event_id=event_id))

        def page(limit: int, before: UUID | None) -> list[DeadLetter]:
            return list(
                ledger.read(
                    lambda view: view.dead_letters.page(DeadFilter(), limit=limit, before=before)
                )
            )

        found = page(10, None)

        assert [one.id for one in found] == [newest, middle, oldest]
        dead, failed = found[1], found[2]
        assert (dead.event_name, dead.subscription_id, dead.target) == ("a", number, "memory:shop")
        assert (dead.reason, dead.summary) == ("exhausted", "Dead Lettered with 5 retries")
        assert (failed.event_name, failed.subscription_id, failed.target) == ("b", None, None)
        assert failed.reason == "no such order"
        assert page(2, None) == found[:2]
        assert page(2, middle) == found[2:]
        assert page(2, newest) == found[1:]
        assert page(2, oldest) == []

    def test_dead_letters_tell_whether_they_were_replayed(self, ledger: Ledger) -> None:
        number = subscribe(ledger)
        old, replay, event_id, failed = sorted_ids(4)
        publish(ledger, make_event(id=event_id), make_event(id=failed))
        ledger.run(lambda tx: tx.events.fail(failed, deaths=1, reason="no"))
        row = evolve(ended(DeliveryState.DEAD, subscription_id=number), event_id=event_id)
        insert(
            ledger,
            evolve(row, id=old),
            evolve(row, id=replay, replay_request=uuid7(), replay_of=old),
        )

        def listed(wanted: DeadFilter) -> dict[UUID, bool]:
            found = ledger.read(lambda view: view.dead_letters.page(wanted, limit=10, before=None))
            return {one.id: one.replayed for one in found}

        assert listed(DeadFilter(replayed=True)) == {failed: False, replay: False, old: True}
        assert listed(DeadFilter()) == {failed: False, replay: False}

    # -- counts -----------------------------------------------------------------------------

    def test_an_empty_backlog(self, ledger: Ledger) -> None:
        assert ledger.read(lambda view: view.backlog()) == NOTHING

    def test_backlog_of_deliveries(self, ledger: Ledger) -> None:
        insert(
            ledger,
            waiting(-10.0),
            waiting(-5.0),
            waiting(100.0),
            waiting(-5.0, parked=True),
            leased(uuid7()),
            leased(uuid7(), due=-1.0),
            ended(DeliveryState.HELD),
            ended(DeliveryState.DEAD),
            ended(DeliveryState.DELIVERED),
            ended(DeliveryState.CANCELLED),
        )

        backlog = ledger.read(lambda view: view.backlog())

        assert evolve(backlog, oldest_due_at=None) == evolve(
            NOTHING, waiting_due=2, waiting_later=1, parked=1, leased=2, held=1, dead=1
        )

    def test_backlog_of_events(self, ledger: Ledger) -> None:
        (first,) = publish(ledger, due_in=-10.0)
        publish(ledger, due_in=10.0)
        running, expired = publish(ledger, make_event(), make_event())
        failed, done = publish(ledger, make_event(), make_event())
        for one, lease in ((running, 60.0), (expired, -60.0)):
            _resolve(ledger, one, lease)
        ledger.run(lambda tx: tx.events.fail(failed, deaths=1, reason="no"))
        ledger.run(lambda tx: tx.events.mark_fanned_out([done]))

        backlog = ledger.read(lambda view: view.backlog())

        assert backlog == evolve(
            NOTHING,
            events_open=2,
            events_due=2,
            events_resolving=2,
            events_failed=1,
            oldest_due_at=event_of(ledger, first).due_at,
        )

    def test_the_backlog_looks_ahead(self, ledger: Ledger) -> None:
        publish(ledger, due_in=10.0)
        insert(ledger, waiting(20.0))

        now_due = ledger.read(lambda view: view.backlog())
        soon_due = ledger.read(lambda view: view.backlog(horizon=60.0))

        assert (now_due.events_due, now_due.waiting_due, now_due.waiting_later) == (0, 0, 1)
        assert (soon_due.events_due, soon_due.waiting_due, soon_due.waiting_later) == (1, 1, 0)

    def test_the_oldest_may_be_a_delivery(self, ledger: Ledger, clock: ManualClock) -> None:
        (delivery_id,) = insert(ledger, waiting(10.0))
        clock.advance(30.0)
        publish(ledger)

        backlog = ledger.read(lambda view: view.backlog())

        assert backlog.oldest_due_at == delivery_of(ledger, delivery_id).due_at

    def _logged(self, ledger: Ledger, name: str, *, attempts: int) -> int:
        number = subscribe(ledger)
        (event_id,) = publish(ledger, make_event(name=name))
        (one,) = insert(ledger, evolve(waiting(subscription_id=number), event_id=event_id))
        made = [make_attempt(delivery_id=one, claim_no=1 + index) for index in range(attempts)]
        ledger.run(lambda tx: tx.outcomes.record(made))
        return number


def _resolve(ledger: Ledger, event_id: UUID, lease: float) -> None:
    ledger.run(
        lambda tx: tx.events.start_resolving(
            [event_id],
            owner=uuid7(),
            due_at=tx.now() + round(lease * SECOND),
            abandoned=False,
        )
    )


def _record(ledger: Ledger, attempt: Attempt) -> None:
    ledger.run(lambda tx: tx.outcomes.record([attempt]))

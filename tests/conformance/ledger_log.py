"""The log: attempts in pages, by filter, by id."""

from __future__ import annotations

from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.delivery import Attempt, Claim, DeliveryState
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import (
    LogFilter,
    LoggedAttempt,
    LogPosition,
    LogRow,
)
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.testing.builders import make_attempt, make_event, make_subscription
from tests.conformance.ledger_base import (
    LedgerFixtures,
    insert,
    publish,
    subscribe,
    waiting,
)


class Log(LedgerFixtures):
    """`view.log`."""

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

    def _logged(self, ledger: Ledger, name: str, *, attempts: int) -> int:
        number = subscribe(ledger)
        (event_id,) = publish(ledger, make_event(name=name))
        (one,) = insert(ledger, evolve(waiting(subscription_id=number), event_id=event_id))
        made = [make_attempt(delivery_id=one, claim_no=1 + index) for index in range(attempts)]
        ledger.run(lambda tx: tx.outcomes.record(made))
        return number

    def test_attempts_of_one_tenant(self, ledger: Ledger) -> None:
        numbers = [
            subscribe(ledger, make_subscription(target=one or "none", tenant=one))
            for one in ("t", "u", "t", None)
        ]
        for number in numbers:
            row = evolve(waiting(subscription_id=number), event_id=publish(ledger)[0])
            (made,) = insert(ledger, row)
            _attempts(ledger, made, OutcomeKind.DELIVERED)
        ids = [one.log_id for one in _all(ledger)]

        found = ledger.read(lambda view: view.log.rows(ids, tenant="t"))

        assert [one.log_id for one in found] == [ids[2], ids[0]]
        own = ledger.read(lambda view: view.subscriptions.ids_of("t"))
        assert sorted(own) == [numbers[0], numbers[2]]
        assert list(ledger.read(lambda view: view.subscriptions.ids_of("nobody"))) == []


def _record(ledger: Ledger, attempt: Attempt) -> None:
    ledger.run(lambda tx: tx.outcomes.record([attempt]))


def _all(ledger: Ledger) -> list[LoggedAttempt]:
    return list(ledger.read(lambda view: view.index.attempts(after=0, limit=100)))


def _attempts(ledger: Ledger, delivery_id: UUID, *outcomes: OutcomeKind) -> list[Claim]:
    made = [
        make_attempt(delivery_id=delivery_id, claim_no=number, outcome=outcome)
        for number, outcome in enumerate(outcomes, start=1)
    ]
    for one in made:
        ledger.run(lambda tx, one=one: tx.outcomes.record([one]))  # type: ignore[misc]
    return [Claim(id=delivery_id, claim_no=one.claim_no) for one in made]

"""Rates in the ledger: a bucket for each subscription, for all workers."""

from __future__ import annotations

import math
import time

import pytest

from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.ledger.rates import Turns, Wish
from tests.clock import ManualClock
from tests.conformance.ledger_base import LedgerFixtures


def take(ledger: Ledger, count: int, *, rate: float = 5.0, number: int = 1) -> Turns:
    wishes = {number: Wish(rate=rate, count=count)}
    return ledger.run(lambda tx: tx.rates.take(wishes))[number]


class Since:
    """How much came back by itself since then: the clock of a database goes on meanwhile."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def turns(self, turns: float, *, rate: float = 5.0) -> range:
        """Return how many there may be where there would be so many if no time had passed."""
        more = rate * (time.monotonic() - self._begun)
        return range(math.floor(turns), math.floor(turns + more) + 1)

    def waits(self, wait: float, expected: float) -> bool:
        """Tell whether that is `expected`, less the time that has passed."""
        passed = time.monotonic() - self._begun
        return expected - passed - 0.01 <= wait <= expected + 0.01


class Rates(LedgerFixtures):
    """Turns are taken, and come back with time."""

    def test_turns_of_a_second_at_first(self, ledger: Ledger) -> None:
        since = Since()
        assert take(ledger, 3) == Turns(count=3, wait=0.0)
        left = take(ledger, 3).count
        assert left in since.turns(2)
        last = take(ledger, 3)
        assert left + last.count in since.turns(2)
        assert last.count or since.waits(last.wait, 0.2)

    def test_they_come_back_with_time(self, ledger: Ledger, clock: ManualClock) -> None:
        since = Since()
        take(ledger, 5)
        clock.advance(0.5)
        assert take(ledger, 9).count in since.turns(2.5)
        clock.advance(3600.0)
        assert take(ledger, 9).count == 5

    def test_less_than_one_a_second(self, ledger: Ledger, clock: ManualClock) -> None:
        since = Since()
        assert take(ledger, 9, rate=0.1).count == 1
        clock.advance(9.0)
        turns = take(ledger, 9, rate=0.1)
        assert turns.count in since.turns(0.9, rate=0.1)
        assert turns.count or since.waits(turns.wait, 1.0)
        clock.advance(9.0 * turns.count)
        clock.advance(1.1)
        assert take(ledger, 9, rate=0.1).count == 1

    def test_each_subscription_has_its_own(self, ledger: Ledger) -> None:
        since = Since()
        wishes = {1: Wish(rate=5.0, count=9), 2: Wish(rate=1.0, count=9)}
        turns = ledger.run(lambda tx: tx.rates.take(wishes))
        assert {number: one.count for number, one in turns.items()} == {1: 5, 2: 1}
        assert take(ledger, 1, number=1).count in since.turns(0)

    def test_a_rate_that_is_changed_holds_at_once(self, ledger: Ledger, clock: ManualClock) -> None:
        take(ledger, 5)
        clock.advance(1.0)
        assert take(ledger, 100, rate=2.0).count == 2
        clock.advance(1.0)
        assert take(ledger, 100, rate=50.0).count == 50

    def test_what_is_rolled_back_was_not_taken(self, ledger: Ledger) -> None:
        def fail(tx: object) -> None:
            tx.rates.take({1: Wish(rate=5.0, count=5)})  # type: ignore[attr-defined]
            raise ZeroDivisionError

        take(ledger, 0)
        with pytest.raises(ZeroDivisionError):
            ledger.run(fail)
        assert take(ledger, 9).count == 5

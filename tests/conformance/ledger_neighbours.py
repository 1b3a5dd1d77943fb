"""The ledger's own id, and those with whom it shares a broker."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.ports.ledger import Ledger
from tests.clock import ManualClock
from tests.conformance.ledger_base import DAY, SECOND, LedgerFixtures, now


class Neighbours(LedgerFixtures):
    """`tx.neighbours` and `view.neighbours`."""

    def test_a_ledger_has_an_id_that_stays(self, ledger: Ledger) -> None:
        first = ledger.read(lambda view: view.neighbours.ledger_id())
        ledger.upgrade()
        ledger.close()

        assert isinstance(first, UUID)
        assert first.int
        assert ledger.read(lambda view: view.neighbours.ledger_id()) == first

    def test_nobody_was_met(self, ledger: Ledger) -> None:
        assert ledger.read(lambda view: view.neighbours.seen(since=0)) == []

    def test_who_was_met_is_known_with_the_last_time(
        self, ledger: Ledger, clock: ManualClock
    ) -> None:
        other = Neighbour(queue="event.trigger", ledger_id=uuid4(), source="https://erp.example")
        nobody = Neighbour(queue="event.trigger", ledger_id=None, source="application/json")
        ledger.run(lambda tx: tx.neighbours.note([other, nobody, other]))
        clock.advance(60.0)
        since = now(ledger)
        ledger.run(lambda tx: tx.neighbours.note([other]))

        seen = ledger.read(lambda view: view.neighbours.seen(since=0))

        assert [(one.queue, one.ledger_id, one.source) for one in seen] == [
            (one.queue, one.ledger_id, one.source) for one in (other, nobody)
        ]
        assert seen[0].seen_at - seen[1].seen_at >= 60 * SECOND
        later = ledger.read(lambda view: view.neighbours.seen(since=since))
        assert [one.ledger_id for one in later] == [other.ledger_id]

    def test_what_was_long_ago_is_dropped(self, ledger: Ledger, clock: ManualClock) -> None:
        other = Neighbour(queue="event.trigger", ledger_id=uuid4(), source="x")
        ledger.run(lambda tx: tx.neighbours.note([other]))
        clock.advance(31 * DAY)
        ledger.run(lambda tx: tx.neighbours.note([]))

        assert ledger.read(lambda view: view.neighbours.seen(since=0)) == []

    @pytest.mark.parametrize("source", ["x" * 5_000, "\0\ud800", "🎉" * 300])
    def test_whatever_they_say_can_be_written(self, ledger: Ledger, source: str) -> None:
        other = Neighbour(queue="q" * 255, ledger_id=uuid4(), source=source)
        ledger.run(lambda tx: tx.neighbours.note([other]))

        (seen,) = ledger.read(lambda view: view.neighbours.seen(since=0))

        assert len(seen.source) <= 255

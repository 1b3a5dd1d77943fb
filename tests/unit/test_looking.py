"""Looks for due rows begin at what has not been dealt with, where a look at everything is slow."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.instant import micros
from asyncevents_core.engine.delivering import looking
from asyncevents_core.engine.delivering.looking import LATE, Look
from asyncevents_core.engine.delivering.permits import Permits
from asyncevents_core.engine.publishing import publish
from tests.unit.harness import fails

SECOND = 1_000_000


@pytest.fixture
def times(monkeypatch):
    class Times:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

    made = Times()
    monkeypatch.setattr(looking, "time", made)
    return made


def test_while_looks_are_quick_each_is_at_everything(times):
    look = Look()
    for second in range(5):
        assert look.begin() == 0
        times.now += 0.001
        look.end(second * SECOND)
        look.settle()
        times.now += 1.0


def test_a_slow_one_comes_again_after_fifty_times_as_long(times):
    look = Look()
    look.begin()
    times.now += 2.0
    look.end(50 * SECOND)
    look.settle()
    assert look.begin() == 50 * SECOND - micros(LATE)
    look.end(60 * SECOND)
    look.settle()
    times.now += 99.9
    assert look.begin() == 60 * SECOND - micros(LATE)
    times.now += 0.2
    assert look.begin() == 0


def test_what_was_rolled_back_does_not_count(times):
    look = Look()
    look.begin()
    times.now += 2.0
    look.end(50 * SECOND)
    look.forget()
    look.settle()
    assert look.begin() == 0


@pytest.fixture
def slow(monkeypatch):
    """Let each look at everything be the last one for long."""
    monkeypatch.setattr(looking, "_REST", 1e12)


def look_once(harness):
    return harness.round(sweep=500, due=True, expired=True, idle=True)


@pytest.mark.usefixtures("slow")
def test_what_becomes_due_is_found_all_the_same(harness, clock):
    harness.subscribe()
    look_once(harness)
    for _ in range(3):
        event_id = harness.publish()
        clock.advance(10.1)
        found = look_once(harness)
        assert [lease.event.id for lease in found.leases] == [event_id]
        harness.attempt(found.leases, fails)
        clock.advance(1.1)
        again = look_once(harness)
        assert [lease.event.id for lease in again.leases] == [event_id]
        harness.attempt(again.leases)


@pytest.mark.usefixtures("slow")
def test_leases_that_run_out_are_found(harness, clock):
    harness.subscribe()
    harness.publish()
    look_once(harness)
    clock.advance(10.1)
    (lease,) = look_once(harness).leases
    clock.advance(harness.policy.delivery_lease + 5.0)
    (again,) = look_once(harness).leases
    assert again.delivery.id == lease.delivery.id
    assert again.delivery.claims == 2


@pytest.mark.usefixtures("slow")
def test_what_had_to_wait_is_found_again(harness, clock):
    """It stays as it was, so it is older than the look."""
    harness.permits = Permits(budget=1, per_subscription=1000)
    harness.subscribe()
    ids = [harness.publish() for _ in range(4)]
    look_once(harness)
    clock.advance(10.1)
    done = []
    for _ in range(20):
        found = look_once(harness)
        done += [lease.event.id for lease in found.leases]
        harness.attempt(found.leases)
        clock.advance(7.0)
    assert sorted(done) == sorted(ids)


@pytest.mark.usefixtures("slow")
def test_a_backlog_is_found_piece_by_piece(harness, clock):
    harness.subscribe()
    ids = [harness.publish() for _ in range(7)]
    clock.advance(20.0)
    done = []
    for _ in range(10):
        found = harness.round(sweep=2)
        done += [lease.event.id for lease in found.leases]
        harness.attempt(found.leases)
    assert sorted(done) == sorted(ids)


def test_what_is_committed_late_waits_for_a_look_at_everything(harness, clock, monkeypatch):
    monkeypatch.setattr(looking, "_REST", 1e12)
    harness.subscribe()
    clock.advance(100.0)
    look_once(harness)
    # As if a transaction that began long ago had just ended.
    monkeypatch.setattr(publish, "SWEEP_AFTER", -60.0)
    harness.publish()
    assert not look_once(harness).leases
    monkeypatch.setattr(looking, "_REST", 0.0)
    harness.claimant.looks.events._all_from = 0.0
    assert len(look_once(harness).leases) == 1

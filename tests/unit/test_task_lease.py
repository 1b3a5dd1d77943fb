"""A task that one process at a time has, for as long as it works on it."""

from __future__ import annotations

import time

import pytest

from asyncevents_core.engine.shared.task_lease import Kept, TaskLease
from asyncevents_core.testing.ledger import make_ledger
from tests.unit.harness import Harness

SECONDS = 3.0


@pytest.fixture
def ledger(tmp_path, clock):
    """A ledger whose time passes by itself: who keeps a lease renews it in time that passes."""
    made = make_ledger(tmp_path, clock_offset=clock.offset)
    yield made
    made.close()


@pytest.fixture
def pair(harness: Harness):
    return [TaskLease(harness.ledger, "a", seconds=SECONDS) for _ in range(2)]


def test_it_is_kept_however_long_a_step_takes(pair):
    one, other = pair
    assert one.keep()
    with Kept(one) as kept:
        for _ in range(15):
            time.sleep(SECONDS / 10)
            assert not other.keep()
        assert not kept.lost
    assert other.keep()


def test_a_process_that_was_away_hears_that_it_has_lost_it(pair, harness):
    one, other = pair
    assert one.keep()
    with Kept(one) as kept:
        harness.clock.advance(SECONDS)
        while not other.keep():
            harness.clock.advance(SECONDS)
        until = time.monotonic() + 30
        while not kept.lost:
            assert other.keep()
            assert time.monotonic() < until
            time.sleep(0.01)
    assert other.keep()

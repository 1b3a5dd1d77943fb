"""How many calls each service may have: of threads, of the loop, and beside others."""

from __future__ import annotations

import pytest

from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.engine.delivering.calls import AHEAD, QUICK, Calls
from asyncevents_core.engine.delivering.permits import NO_LIMIT

SLOW = EventDefinition(name="slow", service="shop:slow")
OTHER = EventDefinition(name="other", service="shop:other")
SAME = EventDefinition(name="same", service="shop:slow", concurrency=2)
PLAIN = EventDefinition(name="plain")
KNOWN = EventCatalog([SLOW, OTHER, SAME, PLAIN])


def take(calls, definition, count):
    plan = calls.plan()
    granted = sum(plan.ask(definition) for _ in range(count))
    calls.take(plan)
    return granted


def be_quick(calls, definition):
    take(calls, definition, 1)
    calls.release(definition.service, seconds=QUICK / 2)


@pytest.mark.parametrize(("threads", "share"), [(1, 1), (2, 2), (3, 3), (4, 3), (8, 6), (16, 12)])
def test_one_service_gets_three_quarters_of_the_threads(threads, share):
    calls = Calls(threads=threads)
    assert calls.limit(SLOW) == share
    assert take(calls, SLOW, 100) == share
    assert calls.room(OTHER) == threads - share


def test_a_definition_says_how_many_calls_there_may_be_of_its_service():
    calls = Calls(threads=8)
    assert take(calls, SAME, 100) == 2
    assert calls.room(SLOW) == 4
    assert calls.room(SAME) == 0
    many = EventDefinition(name="many", service="shop:many", concurrency=100)
    assert calls.limit(many) == 8
    assert calls.room(many) == 6


def test_a_quick_service_has_calls_ahead_of_each_thread():
    calls = Calls(threads=4)
    be_quick(calls, OTHER)
    assert calls.room(OTHER) == 3 * AHEAD
    assert take(calls, SLOW, 100) == 3
    assert take(calls, OTHER, 100) == AHEAD
    calls.release(OTHER.service, seconds=QUICK)
    assert calls.room(OTHER) < 0


def test_a_service_that_is_quick_leaves_threads_that_it_does_not_need():
    calls = Calls(threads=4)
    be_quick(calls, OTHER)
    assert take(calls, OTHER, AHEAD) == AHEAD
    assert take(calls, SLOW, 100) == 3


def test_async_services_have_a_room_of_their_own():
    calls = Calls(threads=4)
    calls.is_async(OTHER.service)
    assert take(calls, SLOW, 100) == 3
    assert take(calls, OTHER, 100) == 3 * AHEAD
    assert calls.room(SLOW) == 0


def test_what_was_not_called_says_nothing_about_its_service():
    calls = Calls(threads=4)
    be_quick(calls, OTHER)
    take(calls, OTHER, 1)
    calls.release(OTHER.service, seconds=None)
    assert calls.room(OTHER) == 3 * AHEAD


def test_a_plan_counts_only_when_it_is_taken():
    calls = Calls(threads=4)
    plan = calls.plan()
    assert [plan.ask(SLOW) for _ in range(4)] == [True, True, True, False]
    assert plan.room("slow", KNOWN) == 0
    assert calls.room(SLOW) == 3
    calls.take(plan)
    assert calls.room(SLOW) == 0
    assert calls.with_room(["slow", "other", "same", "plain", "unknown"], KNOWN) == [
        "other",
        "plain",
        "unknown",
    ]


def test_a_plan_that_is_closed_grants_nothing():
    calls = Calls(threads=4)
    plan = calls.plan(closed=True)
    assert not plan.ask(SLOW)
    assert not plan.ask(None)
    assert plan.room("plain", KNOWN) == 0
    plan = calls.plan()
    assert plan.ask(None)
    assert plan.room("plain", KNOWN) == NO_LIMIT
    plan.close()
    assert not plan.ask(SLOW)

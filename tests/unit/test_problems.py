"""What is wrong, in words: from values, without a database."""

from __future__ import annotations

import threading
import time
from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.domain.problem import Problem, ProblemKind
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.shared.deadline import answer_within, each_within
from asyncevents_core.engine.upkeep import problems as words
from asyncevents_core.engine.upkeep.diagnosis import diagnose
from asyncevents_core.engine.upkeep.problems import (
    of_locks,
    of_neighbours,
    of_room,
    of_unseen,
    problems_of,
)
from asyncevents_core.engine.upkeep.status import Status
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.ports.ledger.server import Holder, Locks
from asyncevents_core.testing import MemoryBroker

WAIT = 30.0
NOW = 1_000_000_000_000
QUIET = Status(
    events_open=0,
    events_resolving=0,
    events_failed=0,
    deliveries_due=0,
    retries_scheduled=0,
    parked=0,
    under_way=0,
    held=0,
    dead_letters=0,
    oldest_due_at=None,
    oldest_due_seconds=None,
    index_waiting=0,
    index_set_aside=0,
    workers=(),
    silent=(),
    now=NOW,
)


def worker(*, roles=tuple(Role), age=1.0, trouble=None):
    return WorkerRow(
        id=uuid7(),
        host="web1",
        pid=42,
        roles=roles,
        started_at=0,
        beat_at=NOW - int(age * 1e6),
        trouble=trouble,
    )


def holder(**changed):
    made = Holder(
        number=4711,
        who="app@10.0.0.5",
        doing="idle in transaction",
        seconds=95.4,
        waiting=3,
        longest_wait=4.0,
        ended_by="KILL 4711",
    )
    return evolve(made, **changed)


def told(found):
    return [f"{one.kind}: {one.words}: {one.advice}" for one in found]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"workers": (worker(),)}, []),
        (
            {"events_open": 2},
            ["no_worker: nobody takes the open events: asyncevents worker"],
        ),
        (
            {"deliveries_due": 2, "workers": (worker(roles=(Role.TRIGGER,)),)},
            ["no_consumer: nobody makes the deliveries that wait: asyncevents worker"],
        ),
        (
            {"workers": (worker(trouble="the claimer stands still for 31 s"),)},
            [
                "stuck_worker: worker 42 on web1: the claimer stands still for 31 s: its log has "
                "the stack; it exits with 3 where it cannot go on"
            ],
        ),
        (
            {"silent": (worker(age=25.0),)},
            [
                "silent_worker: worker 42 on web1 gave no sign for 25 s: it is frozen, cut off or "
                "dead; others take over what it had"
            ],
        ),
        ({"workers": (worker(),), "oldest_due_seconds": 59.0}, []),
        (
            {"workers": (worker(),), "oldest_due_seconds": 95.0},
            [
                "overdue: the oldest has been due for 95 s, though workers are alive: where nothing"
                " else is named here, there are too few: --processes"
            ],
        ),
        (
            {"index_waiting": 1},
            [
                "index_behind: 1 attempt waits for the search index, and nobody feeds it: "
                "asyncevents worker --consumers index"
            ],
        ),
        ({"index_waiting": 9_999, "workers": (worker(),)}, []),
        (
            {"index_waiting": 10_000, "workers": (worker(),)},
            [
                "index_behind: 10,000 attempts wait for the search index: searches find older "
                "attempts only; deliveries are not held up"
            ],
        ),
        (
            {"index_waiting": 100_000, "index_exact": False, "workers": (worker(),)},
            [
                "index_behind: more than 100,000 attempts wait for the search index: searches "
                "find older attempts only; deliveries are not held up"
            ],
        ),
        (
            {"dead_letters": 1},
            [
                "undelivered: there are dead letters: asyncevents dead-letters, asyncevents "
                "replay --dead"
            ],
        ),
    ],
)
def test_workers_and_backlog(changes, expected):
    assert told(problems_of(evolve(QUIET, **changes), indexing=True)) == expected


def test_without_an_indexer_nothing_waits_for_it():
    assert not list(problems_of(evolve(QUIET, index_waiting=50_000), indexing=False))


def test_many_silent_workers_are_counted():
    found = told(problems_of(evolve(QUIET, silent=(worker(age=60.0),) * 12), indexing=True))
    assert len(found) == 6
    assert found[-1].startswith("silent_worker: 7 more workers gave no sign")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "blocks 3 others (for 4 s)"),
        ({"waiting": 1}, "blocks another (for 4 s)"),
        ({"waiting": 0}, "holds locks"),
    ],
)
def test_who_blocks_whom(changes, expected):
    (found,) = of_locks(Locks(holders=[holder(**changes)]))
    assert found.words == f"session 4711 (app@10.0.0.5), idle in transaction for 95 s, {expected}"
    assert found.advice.endswith(": KILL 4711")


def test_of_many_the_first_are_named():
    found = list(of_locks(Locks(holders=[holder()] * 8)))
    assert len(found) == 6
    assert found[-1].words == "3 more sessions hold locks"


def test_what_cannot_be_seen_and_what_is_full():
    assert list(of_unseen(Locks())) == []
    (found,) = of_unseen(Locks(unseen="GRANT PROCESS"))
    assert found.advice == "GRANT PROCESS"
    assert list(of_room(words.LITTLE_ROOM)) == []
    (found,) = of_room(12_000_000)
    assert found.words == "the ledger's disk has 12 MB left"


def neighbour(**changed):
    made = Neighbour(
        queue="event.trigger", ledger_id=UUID(int=7), source="/erp", seen_at=NOW - 120_000_000
    )
    return evolve(made, **changed)


@pytest.mark.parametrize(
    ("changes", "whose"),
    [
        ({}, f"hand-offs of another ledger ({UUID(int=7)}; this is {UUID(int=1)})"),
        ({"ledger_id": None}, "messages that are no hand-offs"),
    ],
)
def test_who_else_uses_the_queues(changes, whose):
    (found,) = of_neighbours([neighbour(**changes)], own=UUID(int=1), now=NOW)
    assert found.kind == "neighbour"
    assert found.words == (
        f"{whose} arrived in the queue event.trigger, the last 2 minutes ago, from /erp"
    )
    assert found.advice.startswith("give each application a BROKER_PREFIX")


def test_of_many_neighbours_the_last_are_named():
    found = list(of_neighbours([neighbour()] * 8, own=None, now=NOW))
    assert len(found) == 6
    assert found[-1].words == "3 more of this kind"


def test_neighbours_are_a_problem_for_a_day(harness):
    harness.ledger.run(lambda tx: tx.neighbours.note([neighbour()]))
    (found,) = diagnose(harness.ledger, MemoryBroker(), indexing=True).problems
    assert (found.kind, "from /erp" in found.words) == ("neighbour", True)
    harness.clock.advance(2 * 86_400)
    assert diagnose(harness.ledger, MemoryBroker(), indexing=True).problems == ()


def test_a_healthy_installation_has_no_problems(harness):
    assert diagnose(harness.ledger, MemoryBroker(), indexing=True).problems == ()


def test_a_broker_that_fails_is_told_of(harness):
    broker = MemoryBroker()
    broker.fail(None)
    (found,) = diagnose(harness.ledger, broker, indexing=True).problems
    assert found.kind == "broker"
    assert found.words == "the broker cannot be used: the broker in memory was told to fail"


# -- deadlines --------------------------------------------------------------------------------


def test_what_does_not_answer_is_left_behind():
    go_on = threading.Event()
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match=r"did not answer within 0\.1 s"):
        answer_within(0.1, lambda: go_on.wait(WAIT))
    assert time.monotonic() - begun < WAIT / 2
    go_on.set()


def test_answers_and_errors_pass():
    def refuse():
        raise LedgerUnavailable("away")

    assert answer_within(WAIT, lambda: None) is None
    with pytest.raises(LedgerUnavailable, match="away"):
        answer_within(WAIT, refuse)


def test_each_answer_has_its_time():
    go_on = threading.Event()

    def answers():
        yield 1
        yield 2
        go_on.wait(WAIT)
        yield 3

    found = each_within(0.2, answers)
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(TimeoutError):
        next(found)
    go_on.set()
    assert list(each_within(WAIT, lambda: iter("ab"))) == ["a", "b"]


def test_commands_in_advice_stand_apart():
    one = Problem.advised(
        kind=ProblemKind.DISK, words="", advice="make room: `asyncevents cleanup`, soon"
    )
    assert one.advice == "make room: asyncevents cleanup, soon"
    assert [(part.text, part.is_command) for part in one.advice_parts] == [
        ("make room: ", False),
        ("asyncevents cleanup", True),
        (", soon", False),
    ]

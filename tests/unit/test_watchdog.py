"""What a watchdog calls a standstill, and what it does not."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from types import SimpleNamespace

import pytest

from asyncevents_core.engine.shared.progress import LoopProgress, Progress
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.worker import exits as worker_exits
from asyncevents_core.worker import watchdog
from asyncevents_core.worker.exits import EXIT_STUCK
from asyncevents_core.worker.vitals import Vitals
from asyncevents_core.worker.watchdog import (
    BLOCKED_AFTER,
    LOOK_EVERY,
    Limits,
    Watch,
    Watchdog,
)

WAIT = 30.0
LIMIT = 10.0


class Kennel:
    """A watchdog of one part, and the clock by which it looks."""

    def __init__(self, progress, *, exits=True, vital=True, sink=None, stuck=0):
        self.vitals = Vitals()
        self.now = 100.0
        self.dog = Watchdog(
            [Watch(progress=progress, named_after=BLOCKED_AFTER, limit=LIMIT, vital=vital)],
            vitals=self.vitals,
            deliverer=SimpleNamespace(blame=lambda _: sink, left_alone=0),
            services=SimpleNamespace(stuck=stuck, threads=8),
            sinks=SimpleNamespace(threaded=[], loops=[], apart=[], set_apart=lambda name: True),
            sink_limit=LIMIT,
            exits=exits,
        )

    def looks(self, seconds, *, every=LOOK_EVERY):
        until = self.now + seconds
        while self.now < until:
            self.now += every
            self.dog.look(self.now)


@pytest.fixture
def exits(monkeypatch):
    codes = []
    monkeypatch.setattr(worker_exits.os, "_exit", codes.append)
    monkeypatch.setattr(worker_exits.logging, "shutdown", lambda: None)
    return codes


@pytest.fixture
def progress():
    made = Progress("the claimer")
    made.begin()
    return made


def messages(caplog):
    return [one.message for one in caplog.records]


def test_a_standstill_is_named_once_with_its_stack_and_ends_the_process(progress, exits, caplog):
    kennel = Kennel(progress)
    kennel.looks(2)
    (record,) = caplog.records
    assert record.message == "the claimer stands still"
    assert "test_a_standstill_is_named_once" in record.stack
    assert 0.5 <= record.seconds <= 1.0
    kennel.looks(LIMIT - 3)
    assert exits == []
    kennel.looks(2)
    assert exits == [EXIT_STUCK]
    assert messages(caplog) == ["the claimer stands still", "the claimer hangs; exiting"]


def test_where_the_process_is_not_its_own_it_goes_on_without_signs_of_life(progress, exits, caplog):
    kennel = Kennel(progress, exits=False)
    kennel.looks(LIMIT / 2 - 1)
    assert not kennel.vitals.stalled
    kennel.looks(2)
    assert kennel.vitals.stalled
    kennel.looks(LIMIT * 3)
    assert exits == []
    assert messages(caplog) == ["the claimer stands still", "the claimer hangs"]
    progress.step()
    kennel.looks(LOOK_EVERY)
    assert not kennel.vitals.stalled
    assert caplog.records[-1].message == "the claimer goes on"
    assert caplog.records[-1].stood_still > LIMIT


def test_what_is_not_vital_does_not_end_the_signs_of_life(progress, exits):
    kennel = Kennel(progress, exits=False, vital=False)
    kennel.looks(LIMIT * 2)
    assert not kennel.vitals.stalled


@pytest.mark.parametrize("way", ["step", "rest", "end"])
def test_who_steps_rests_or_has_ended_does_not_stand_still(progress, exits, caplog, way):
    kennel = Kennel(progress)
    getattr(progress, way)()
    for _ in range(int(LIMIT * 3)):
        kennel.looks(LOOK_EVERY * 2)
        if way == "step":
            progress.step()
    assert (exits, messages(caplog)) == ([], [])


def test_a_thread_that_has_failed_stands_still(exits, caplog):
    failed = Progress("the claimer")
    thread = threading.Thread(target=failed.begin)
    thread.start()
    thread.join()
    Kennel(failed).looks(LIMIT + 1)
    assert exits == [EXIT_STUCK]
    assert caplog.records[-1].stack == "has ended"


@pytest.mark.parametrize("gap", [20.0, 86_400.0, -3600.0])
def test_what_froze_the_whole_process_is_nobodys_fault(progress, exits, caplog, gap):
    """SIGSTOP, a suspended laptop, a clock that jumps."""
    kennel = Kennel(progress)
    for _ in range(5):
        kennel.looks(LIMIT - 1)
        kennel.now += gap
        kennel.looks(LOOK_EVERY)
    assert exits == []
    assert sum(one.startswith("this process stood still") for one in messages(caplog)) == (
        5 if gap > 0 else 0
    )


def test_looks_that_come_late_count_less(progress, exits):
    kennel = Kennel(progress)
    # A machine on which this thread gets a turn every second.
    kennel.looks(LIMIT * 1.8, every=1.0)
    assert exits == []
    kennel.looks(LIMIT * 1.8, every=1.0)
    assert exits == [EXIT_STUCK]


def test_a_thread_in_a_debugger_is_left_alone(progress, exits, caplog, monkeypatch):
    stack = 'File "/usr/lib/python3.13/pdb.py", line 1, in interaction'
    monkeypatch.setattr(Progress, "stack", lambda _: stack)
    kennel = Kennel(progress)
    kennel.looks(LIMIT * 5)
    assert exits == []
    assert messages(caplog) == ["the claimer is in a debugger"]
    monkeypatch.undo()


def test_a_log_that_hangs_does_not_hold_up_the_end(progress, exits, monkeypatch):
    monkeypatch.setattr(worker_exits, "_LONGEST_LOGGING", 0.1)
    go_on = threading.Event()

    class Hanging(logging.Handler):
        def emit(self, record):
            go_on.wait(WAIT)

    handler = Hanging()
    watchdog.logger.addHandler(handler)
    try:
        Kennel(progress).looks(LIMIT + 1)
    finally:
        go_on.set()
        watchdog.logger.removeHandler(handler)
    assert exits == [EXIT_STUCK]


def test_trouble_is_told_in_words(exits):
    progress = LoopProgress("the event loop")
    progress.begin()
    kennel = Kennel(progress, sink="slow", stuck=3)
    kennel.looks(3)
    assert kennel.vitals.trouble == (
        "the event loop stands still for 3 s in the sink 'slow'; 3 of 8 threads hang in services"
    )
    progress.step()
    kennel.looks(LOOK_EVERY)
    assert kennel.vitals.trouble == "3 of 8 threads hang in services"


def test_a_busy_loop_is_not_blocked():
    """Other tasks run from one look to the next, even where its timers come late."""
    progress = LoopProgress("the event loop")
    positions = []

    async def work():
        positions.append(progress.position)

    async def main():
        stepping = asyncio.create_task(progress.keep_stepping())
        await asyncio.sleep(0)
        await asyncio.gather(*[work() for _ in range(3)])
        stepping.cancel()

    asyncio.run(main())
    assert len(set(positions)) == 3
    assert not progress.busy


def test_a_blocked_loop_shows_where():
    progress = LoopProgress("the event loop")
    begun, go_on = threading.Event(), threading.Event()

    async def blocks():
        begun.set()
        go_on.wait(WAIT)

    async def main():
        stepping = asyncio.create_task(progress.keep_stepping())
        await asyncio.sleep(0)
        await blocks()
        stepping.cancel()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert begun.wait(WAIT)
    first = progress.position
    time.sleep(0.3)
    assert progress.position == first
    assert "in blocks" in progress.stack()
    go_on.set()
    thread.join(WAIT)


def test_limits_are_above_those_of_the_ledger():
    options = LedgerOptions(pool_timeout=20, statement_timeout=100, cleanup_statement_timeout=600)
    limits = Limits.of(30, options)
    assert limits.loop == 30
    assert limits.ledger > 30 + 20 + 100
    assert limits.helper > options.cleanup_statement_timeout

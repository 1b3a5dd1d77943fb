"""How the thread that indexes makes room for deliveries."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from asyncevents_core.worker import courtesy
from asyncevents_core.worker.courtesy import AmongOthers, ByPriority, Courtesy


class Times:
    """What the clocks say."""

    def __init__(self) -> None:
        self.wall = self.others = 100.0

    def monotonic(self) -> float:
        return self.wall

    def step(self, seconds: float, *, others: float) -> None:
        """Let a step take so long, while others use so many processors."""
        self.wall += seconds
        self.others += others * seconds


@pytest.fixture
def times(monkeypatch) -> Times:
    made = Times()
    monkeypatch.setattr(courtesy, "time", made)
    monkeypatch.setattr(courtesy, "_others", lambda: made.others)
    return made


def paused(one: Courtesy, times: Times, *, others: float, done: bool = False) -> float:
    one.begin()
    times.step(0.25, others=others)
    return one.pause(done=done)


@pytest.mark.parametrize(("others", "pause"), [(0.0, 0.0), (0.1, 0.0), (0.5, 1.0), (1.5, 1.0)])
def test_it_waits_while_others_are_at_work(times, others, pause):
    assert paused(AmongOthers(30.0), times, others=others) == pytest.approx(pause)


def test_long_steps_are_not_followed_by_endless_waits(times):
    one = AmongOthers(30.0)
    one.begin()
    times.step(10.0, others=1.0)
    assert one.pause(done=False) == 2.0


def test_its_patience_ends_until_everything_is_done(times):
    one = AmongOthers(30.0)
    assert paused(one, times, others=1.0) > 0
    times.step(29.0, others=1.0)
    assert paused(one, times, others=1.0) > 0
    times.step(1.0, others=1.0)
    assert [paused(one, times, others=1.0) for _ in range(3)] == [0.0] * 3
    assert paused(one, times, others=1.0, done=True) == 0.0
    assert paused(one, times, others=1.0) > 0


def test_without_patience_it_never_waits(times):
    one = AmongOthers(0.0)
    assert [paused(one, times, others=2.0) for _ in range(3)] == [0.0] * 3


def test_among_others_work_stays_on_its_thread():
    one = AmongOthers(30.0)
    assert one.run(threading.get_ident) == threading.get_ident()
    assert not one.turned


linux = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority each")


def niceness() -> int:
    """Return that of this thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def niceness_of_a_new_thread() -> int:
    found = []
    thread = threading.Thread(target=lambda: found.append(niceness()))
    thread.start()
    thread.join()
    return found[0]


@linux
def test_a_process_of_its_own_is_nice_while_it_is_patient(times):
    usual = niceness()
    one = ByPriority(30.0)

    assert one.run(niceness) == one.run(niceness_of_a_new_thread) == max(usual, 15)
    assert niceness() == usual


@linux
def test_when_its_patience_is_over_another_stretch_begins_that_is_not_nice(times):
    usual, one = niceness(), ByPriority(30.0)

    def until_turned(*, done: bool) -> tuple[int, int]:
        steps = 1
        while paused(one, times, others=5.0, done=done) == 0.0 and not one.turned:
            steps += 1
        return niceness(), steps

    assert one.run(lambda: until_turned(done=False)) == (max(usual, 15), 120)
    assert one.run(lambda: (one.turned, niceness())) == (False, usual)
    assert one.run(lambda: until_turned(done=True)) == (usual, 1)
    assert one.run(niceness) == max(usual, 15)


@linux
def test_without_patience_it_is_never_nice(times):
    one = ByPriority(0.0)
    assert one.run(niceness) == niceness()
    assert paused(one, times, others=2.0) == 0.0
    assert not one.turned


def test_what_a_stretch_raises_arrives():
    for one in (AmongOthers(30.0), ByPriority(30.0)):
        with pytest.raises(ZeroDivisionError):
            one.run(lambda: 1 / 0)


def test_threads_of_python_are_seen_and_those_that_ended_are_not():
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            sum(range(1000))

    before = courtesy._others()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        until = time.monotonic() + 30
        while courtesy._others() - before < 0.05:
            assert time.monotonic() < until, "the work of another thread is not seen"
            time.sleep(0.01)
    finally:
        stop.set()
        thread.join()
    # The system forgets it a moment later.
    until = time.monotonic() + 30
    while courtesy._cpu_of(thread.native_id):
        assert time.monotonic() < until, "a thread that has ended is seen"
        time.sleep(0.01)


SESSIONS = """
from pathlib import Path
from asyncevents_core.worker.courtesy import ByPriority

def niceness():
    # Nothing stands there for the session that the system began with.
    return (Path("/proc/self/autogroup").read_text().split() or ["none"])[-1]

one = ByPriority(0.05)
before = niceness()
during = one.run(niceness)
one.begin()
while not one.turned:
    one.pause(done=False)
print(before, during, one.run(niceness))
"""


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="this system shares by no sessions"
)
@pytest.mark.parametrize("own_session", [True, False])
def test_a_session_of_its_own_is_as_nice(own_session):
    """Others in the session of a terminal are none of its business."""
    done = subprocess.run(
        [sys.executable, "-c", SESSIONS],
        start_new_session=own_session,
        capture_output=True,
        text=True,
        check=True,
    )
    before, then, after = done.stdout.split()
    assert (then, after) == (("15", "0") if own_session else (before, before))

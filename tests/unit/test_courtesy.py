"""How the thread that indexes makes room for deliveries."""

from __future__ import annotations

import threading
import time

import pytest

from asyncevents_core.worker import courtesy
from asyncevents_core.worker.courtesy import Courtesy


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
    assert paused(Courtesy(30.0), times, others=others) == pytest.approx(pause)


def test_long_steps_are_not_followed_by_endless_waits(times):
    one = Courtesy(30.0)
    one.begin()
    times.step(10.0, others=1.0)
    assert one.pause(done=False) == 2.0


def test_its_patience_ends_until_everything_is_done(times):
    one = Courtesy(30.0)
    assert paused(one, times, others=1.0) > 0
    times.step(29.0, others=1.0)
    assert paused(one, times, others=1.0) > 0
    times.step(1.0, others=1.0)
    assert [paused(one, times, others=1.0) for _ in range(3)] == [0.0] * 3
    assert paused(one, times, others=1.0, done=True) == 0.0
    assert paused(one, times, others=1.0) > 0


def test_without_patience_it_never_waits(times):
    one = Courtesy(0.0)
    assert [paused(one, times, others=2.0) for _ in range(3)] == [0.0] * 3


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

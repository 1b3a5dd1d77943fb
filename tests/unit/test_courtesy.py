"""How the thread that indexes makes room for deliveries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asyncevents_core.worker import courtesy
from asyncevents_core.worker.courtesy import Courtesy


class Times:
    """What the clocks of a process say."""

    def __init__(self) -> None:
        self.wall = self.own = self.all = 100.0

    def monotonic(self) -> float:
        return self.wall

    def thread_time(self) -> float:
        return self.own

    def process_time(self) -> float:
        return self.all

    def step(self, seconds: float, *, others: float) -> None:
        """Let a step take so long, while others use so many processors."""
        self.wall += seconds
        self.own += seconds / 2
        self.all += seconds / 2 + others * seconds


@pytest.fixture
def times(monkeypatch) -> Iterator[Times]:
    made = Times()
    monkeypatch.setattr(courtesy, "time", made)
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


def test_the_clocks_of_this_process():
    one = Courtesy(30.0)
    one.begin()
    assert one.pause(done=True) == 0.0

"""Garbage is collected rarely while a command is imported, and as before afterwards."""

from __future__ import annotations

import gc

import pytest

from asyncevents_core.cli.collecting import collecting_rarely


@pytest.fixture(autouse=True)
def _as_in_a_fresh_process():
    # A worker that another test ran in this process has changed it.
    found = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*found)


def test_it_is_as_before_afterwards():
    before = gc.get_threshold()

    def fail():
        with collecting_rarely():
            assert gc.get_threshold()[0] > 5 * before[0]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.get_threshold() == before


def test_garbage_is_found_all_the_same():
    class Circle:
        def __init__(self):
            self.itself = self

    with collecting_rarely():
        made = 0
        collections = gc.get_stats()[0]["collections"]
        while gc.get_stats()[0]["collections"] == collections:
            Circle()
            made += 1
            assert made < 100_000

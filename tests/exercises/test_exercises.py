"""Each exercise can be failed, and can be done: by the solution of its name.

All of them with `ASYNCEVENTS_EXERCISES_FULL=1`, as `make exercises` does; else a few of each kind.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.exercises.__main__ import EXERCISES
from tests.exercises.workbench import NotDone, workbench

SOLUTIONS = Path(__file__).parent / "solutions"
SHORT = ("own-sink", "receive", "gone", "full-disk")
CHOSEN = tuple(EXERCISES) if os.environ.get("ASYNCEVENTS_EXERCISES_FULL") else SHORT


def test_each_has_a_solution_and_each_solution_an_exercise():
    assert {one.stem for one in SOLUTIONS.glob("*.sh")} == set(EXERCISES)


def test_instructions_are_whole(tmp_path):
    with workbench(tmp_path) as bench:
        for kind in EXERCISES.values():
            told = kind(bench).told()
            assert told
            for left in ("{recipient}", "{secret}", "{{", "}}"):
                assert left not in told, (kind.name, left)


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.parametrize("solved", [False, True], ids=["untouched", "solved"])
def test_it_is_checked_by_running_it(tmp_path, name, solved):
    kind = EXERCISES[name]
    if missing := kind.missing():
        pytest.skip(missing)
    with workbench(tmp_path) as bench:
        exercise = kind(bench)
        try:
            exercise.prepare()
            if solved:
                bench.run("bash", "-eu", str(SOLUTIONS / f"{name}.sh"))
                exercise.check()
            else:
                with pytest.raises(NotDone):
                    exercise.check()
        finally:
            exercise.clean()

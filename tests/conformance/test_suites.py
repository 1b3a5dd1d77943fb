"""The suites cannot be fooled: what is wrong fails one named test, what is only unusual none."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MUTANTS = Path(__file__).parent / "mutants"
PARTS = 4
"""Processes that run side by side: they wait most of the time."""


def found_in(module):
    """Return the suites of a module of mutants."""
    made = importlib.import_module(f"tests.conformance.mutants.{module.stem}")
    return [
        (module.relative_to(ROOT), one)
        for name, one in vars(made).items()
        if name.startswith("Test") and one.__module__ == made.__name__
    ]


ALL = [one for module in sorted(MUTANTS.glob("*_*.py")) for one in found_in(module)]
BAD = [(module, one) for module, one in ALL if one.noticed_by]
GOOD = [(module, one) for module, one in ALL if not one.noticed_by]


@pytest.fixture(scope="module")
def results():
    """Run what must fail, and all of what must pass; return results by class and test."""
    wanted = [f"{module}::{one.__name__}::{one.noticed_by}" for module, one in BAD]
    wanted += [f"{module}::{one.__name__}" for module, one in GOOD]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            str(PARTS),
            "--tb=no",
            "-rA",
            "--durations=25",
            *wanted,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = re.findall(r"^(PASSED|FAILED|ERROR) \S+?::(\w+)::(\S+)", done.stdout, re.MULTILINE)
    assert lines, done.stdout
    made = {}
    for result, name, test in lines:
        made.setdefault(name, {})[test] = result
    return made


def names(suites):
    return [pytest.param(one, id=one.__name__) for _, one in suites]


@pytest.mark.parametrize("suite", names(BAD))
def test_what_is_wrong_is_noticed(results, suite):
    assert results.get(suite.__name__) == {suite.noticed_by: "FAILED"}


@pytest.mark.parametrize("suite", names(GOOD))
def test_what_is_unusual_passes(results, suite):
    ends = results.get(suite.__name__, {})
    assert len(ends) > 4
    assert [test for test, result in ends.items() if result != "PASSED"] == []


def test_no_two_have_one_name():
    assert len({one.__name__ for _, one in ALL}) == len(ALL)

"""The suites notice mistakes: each of them is made by a sink that must fail one test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import mistaken_sinks

ROOT = Path(__file__).parents[2]
SINKS = [one for name, one in vars(mistaken_sinks).items() if name.startswith("TestThat")]


@pytest.fixture(scope="module")
def failed():
    """Return the ids of the tests that failed, of those that must."""
    home = Path(mistaken_sinks.__file__).relative_to(ROOT)
    wanted = [f"{home}::{one.__name__}::{one.noticed_by}" for one in SINKS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", *wanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ERROR " not in done.stdout
    return [
        line.split(" - ")[0].removeprefix("FAILED ").rpartition("::")[0].rpartition("::")[2]
        for line in done.stdout.splitlines()
        if line.startswith("FAILED ")
    ]


@pytest.mark.parametrize("sink", SINKS, ids=lambda sink: sink.__name__)
def test_a_mistake_is_noticed(failed, sink):
    assert sink.__name__ in failed


def test_there_is_a_mistake_for_most_of_the_suite():
    assert len({sink.noticed_by for sink in SINKS}) >= 14

"""A worker may open as many files as the system lets it: connections are files."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
import resource, sys
from asyncevents_core.worker.process import allow_many_files
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
allow_many_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("soft", [128, 512])
def test_the_soft_limit_is_raised_to_the_hard_one(soft):
    # In a process of its own, which cannot raise its hard limit again.
    found = subprocess.run(
        [sys.executable, "-c", CHILD, str(soft), "512"], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["512", "512"]
    assert found.stderr == ""


def test_a_limit_that_cannot_be_raised_stays_and_is_logged(monkeypatch, caplog):
    import resource

    from asyncevents_core.worker.process import allow_many_files

    def refuse(*_):
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    allow_many_files()
    assert "the limit of open files stays as it is" in caplog.text

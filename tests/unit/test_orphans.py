"""Process 1 waits for those whose parents have ended, and for nobody whom others wait for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from asyncevents_core.worker.orphans import bury_orphans

# In a process of its own, which has no other children: as process 1 of a container it becomes the
# parent of those that have lost theirs.
AS_FIRST = """
import ctypes, os, subprocess, sys, time
from asyncevents_core.worker.orphans import bury_orphans

assert ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
own = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
parent = subprocess.run(["sh", "-c", "sleep 0.1 & echo $!"], stdout=subprocess.PIPE, text=True)
orphan = int(parent.stdout)
buried = []
until = time.monotonic() + 60
while not buried and time.monotonic() < until:
    buried += bury_orphans({own.pid}, process=1)
    own.poll()
    time.sleep(0.02)
assert buried == [orphan], (buried, orphan)
assert own.wait() == 7
assert bury_orphans(set(), process=1) == []
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets others become process 1")
def test_orphans_are_waited_for_and_ones_own_are_not():
    done = subprocess.run(
        [sys.executable, "-c", AS_FIRST], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_elsewhere_nobody_is_waited_for():
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert bury_orphans(set()) == []
    assert child.wait() == 7

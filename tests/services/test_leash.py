"""Servers of tests end with the tests, however those end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.integration.project import eventually

ROOT = Path(__file__).parents[2]
STARTS = """
import sys, time
from types import SimpleNamespace
from tests.services.server import Server

class Sleeping(Server):
    needs = SimpleNamespace(name="sleeping")
    command = ["sh", "-c", "sleep 600 & echo $! > child; wait"]

    def answers(self):
        assert (self.folder / "child").read_text().strip()

server = Sleeping()
server.start()
print(server.folder, server._process.pid, (server.folder / "child").read_text().strip(), flush=True)
{then}
"""


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def start():
    started = []

    def start(then: str):
        process = subprocess.Popen(
            [sys.executable, "-c", STARTS.format(then=then)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        folder, *pids = process.stdout.readline().split()
        return process, Path(folder), [int(pid) for pid in pids]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_that_a_terminal_knows(start, number):
    process, folder, pids = start("time.sleep(600)")
    assert not any(gone(pid) for pid in pids)
    os.killpg(process.pid, number)
    eventually(
        lambda: all(gone(pid) for pid in pids) and not folder.exists(), what="all of it is gone"
    )


def test_an_end_without_tidying(start):
    _, folder, pids = start("import os; os._exit(3)")
    eventually(
        lambda: all(gone(pid) for pid in pids) and not folder.exists(), what="all of it is gone"
    )


def test_what_was_removed_is_let_go(start):
    process, folder, pids = start("server.remove(); print('removed', flush=True); time.sleep(600)")
    assert process.stdout.readline() == "removed\n"
    assert all(gone(pid) for pid in pids)
    assert not folder.exists()
    assert psutil.Process(process.pid).children() == []


def test_what_is_killed_and_started_again_is_held_again(start):
    process, _, pids = start(
        "server.kill(); (server.folder / 'child').unlink(); server.start();"
        " print(server._process.pid, flush=True); time.sleep(600)"
    )
    again = int(process.stdout.readline())
    assert again not in pids
    assert len(psutil.Process(process.pid).children()) == 2
    process.kill()
    eventually(lambda: gone(again), what="it ends, too")

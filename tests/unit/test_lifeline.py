"""What a supervisor and its children know of each other: killed, frozen, not to be started."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from asyncevents_core.worker import lifeline, starting
from asyncevents_core.worker.exits import EXIT_AT_ONCE, EXIT_STUCK
from asyncevents_core.worker.lifeline import Lifeline, Line
from asyncevents_core.worker.starting import Program
from asyncevents_core.worker.supervisor import Supervisor

WAIT = 30.0


class FakeWorker:
    def __init__(self):
        self.stopped = threading.Event()

    def stop(self):
        self.stopped.set()


class Ended(Exception):
    """In place of `os._exit`, which ends the thread too."""


@pytest.fixture
def line():
    made = Line()
    yield made
    for one in (made.child_end, made._our_end):
        with contextlib.suppress(OSError):
            os.close(one)


@pytest.fixture
def no_death_signal(monkeypatch):
    """The tests' own process goes on without the parent of it."""
    monkeypatch.setattr(lifeline, "die_with_parent", lambda: None)


@pytest.mark.usefixtures("no_death_signal")
def test_a_child_stops_when_its_line_ends(line, monkeypatch, caplog):
    codes, ended = [], threading.Event()

    def end(code):
        codes.append(code)
        ended.set()

    monkeypatch.setattr(lifeline.os, "_exit", end)
    worker = FakeWorker()
    Lifeline(line.child_end, worker, within=0.1).start()
    line.say()
    assert not worker.stopped.wait(0.2)
    line.close()
    assert worker.stopped.wait(WAIT)
    assert "the supervisor is gone" in caplog.text
    # It did not stop in time.
    assert ended.wait(WAIT)
    assert codes == [EXIT_AT_ONCE]
    assert not os.get_inheritable(line.child_end)


def test_a_supervisor_that_stands_still_is_named_once_and_again_when_it_goes_on(
    line, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, logger="asyncevents")
    monkeypatch.setattr(lifeline, "SAY_EVERY", 0.0)
    looks = iter([b""] * (lifeline.STANDS_STILL * 2) + [b".", b".", None])

    def select(readers, writers, errors, timeout):
        found = next(looks)
        if found == b".":
            os.write(line._our_end, found)
        if found is None:
            line.close()
        return (readers if found != b"" else [], [], [])

    def end(code):
        raise Ended

    monkeypatch.setattr(lifeline.select, "select", select)
    monkeypatch.setattr(lifeline.time, "sleep", lambda _: None)
    monkeypatch.setattr(lifeline.os, "_exit", end)
    with pytest.raises(Ended):
        Lifeline(line.child_end, FakeWorker(), within=0.0)._run()
    told = [one.message for one in caplog.records]
    assert [one.partition(":")[0] for one in told[:2]] == [
        "the supervisor stands still",
        "the supervisor goes on",
    ]


def test_a_child_that_reads_nothing_does_not_hold_up_its_supervisor(line, monkeypatch):
    monkeypatch.setattr(lifeline, "SAY_EVERY", 0.0)
    for _ in range(100_000):
        line.say()
    line.handed_over()
    line.say()


# -- with real processes ----------------------------------------------------------------------

_PROGRAM = """
import logging, sys
from asyncevents_core.worker.starting import Program
from asyncevents_core.worker.supervisor import Supervisor
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
starts = [Program([sys.executable, "-c", one]) for one in sys.argv[1:]]
sys.exit(Supervisor(starts, within=60.0).run())
"""
_CHILD = """
import os, sys, threading, time
from asyncevents_core.worker import lifeline
if {portable}:
    lifeline.die_with_parent = lambda: None
class Worker:
    def stop(self):
        os.write(1, b"stopped\\n")
        os._exit(0)
line = lifeline.Lifeline(int(sys.argv[1].partition("=")[2]), Worker(), within=60.0)
line.start()
os.write(1, b"%d\\n" % os.getpid())
time.sleep(600)
"""
# All write into one pipe: a line at once, or lines get mixed.
_HANGS = "import os; os.write(1, b'hung\\n'); os._exit(3)"


@pytest.fixture
def supervise():
    started = []
    limits = []

    def start(*children):
        made = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *children], stdout=subprocess.PIPE, text=True
        )
        started.append(made)
        # A line that does not come is not waited for: its pipe ends.
        limit = threading.Timer(WAIT, made.kill)
        limit.start()
        limits.append(limit)
        return made

    yield start
    for one in limits:
        one.cancel()
    for one in started:
        one.kill()
        one.wait()
        one.stdout.close()


def await_line(process, text):
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"ended without {text!r}")


def pid_of(process):
    return int(next(line for line in process.stdout if line.strip().isdigit()))


def gone(pid):
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("portable", [True, False])
def test_no_child_outlives_a_supervisor_that_is_killed(supervise, portable):
    made = supervise(*[_CHILD.format(portable=portable)] * 2)
    children = [pid_of(made), pid_of(made)]
    made.kill()
    assert all(gone(one) for one in children)
    if portable:
        assert made.stdout.read().count("stopped") == 2


def test_a_child_that_hung_is_started_again_later_each_time(supervise):
    made = supervise(_HANGS)
    begun = time.monotonic()
    for _ in range(4):
        await_line(made, "a worker process hung and ended itself")
    # At once, after one second, after two.
    assert time.monotonic() - begun > 3


def test_a_frozen_child_is_named(supervise):
    made = supervise(_CHILD.format(portable=True))
    child = pid_of(made)
    os.kill(child, signal.SIGSTOP)
    await_line(made, "a worker process is frozen")
    os.kill(child, signal.SIGCONT)
    await_line(made, "a worker process goes on")


def test_children_that_die_at_once_are_all_started_again(supervise):
    made = supervise(*[_CHILD.format(portable=False)] * 3)
    first = [pid_of(made) for _ in range(3)]
    for one in first:
        os.kill(one, signal.SIGKILL)
    second = [pid_of(made) for _ in range(3)]
    assert not set(first) & set(second)


def test_a_child_that_cannot_be_started_again_does_not_stop_the_others(monkeypatch, caplog):
    made = Supervisor([], within=1.0)
    child = made._start(Program([sys.executable, "-c", f"import os; os._exit({EXIT_STUCK})"]))
    child.process.wait()
    made._look_after(child)
    assert child.restart_at is not None

    def fail(*_, **__):
        raise OSError("no more processes")

    with monkeypatch.context() as patch:
        patch.setattr(starting.subprocess, "Popen", fail)
        made._look_after(child)
    assert caplog.records[-1].message == "a worker process cannot be started; trying again"
    assert child.restart_at > time.monotonic()
    child.restart_at = 0.0
    made._look_after(child)
    assert child.restart_at is None
    child.process.wait()
    child.let_go()

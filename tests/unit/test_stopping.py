"""How workers and their supervisor are told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from asyncevents_core.worker import process, starting, supervisor
from asyncevents_core.worker.exits import EXIT_AT_ONCE
from asyncevents_core.worker.process import AGAIN_AFTER, Worker, stop_signals
from asyncevents_core.worker.starting import Program
from asyncevents_core.worker.supervisor import Supervisor
from tests.unit.claiming import make_claimer

WAIT = 30.0


@pytest.fixture
def now(monkeypatch):
    """The seconds that the clock of `process` shows, to be changed."""
    seconds = [100.0]
    monkeypatch.setattr(process.time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(Worker, "_end_in_time", lambda _: None)
    return seconds


@pytest.fixture
def exits(monkeypatch):
    codes = []
    monkeypatch.setattr(process.os, "_exit", codes.append)
    return codes


def test_a_second_signal_ends_a_worker_at_once(now, exits, caplog):
    worker = Worker(None, None)
    worker._on_signal()
    assert worker._stop_requested
    now[0] += AGAIN_AFTER
    worker._on_signal()
    assert exits == [EXIT_AT_ONCE]
    assert caplog.records[-1].message.startswith("stopping at once")


def test_a_signal_that_is_passed_on_twice_is_one(now, exits):
    worker = Worker(None, None)
    worker._on_signal()
    now[0] += AGAIN_AFTER / 2
    worker._on_signal()
    assert exits == []


def test_a_hang_up_stops_unless_it_is_ignored():
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert {signal.SIGTERM, signal.SIGINT, signal.SIGHUP} < set(stop_signals())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert signal.SIGHUP not in stop_signals()
    finally:
        signal.signal(signal.SIGHUP, before)


_PROGRAM = """
import sys
from asyncevents_core.worker.starting import Program
from asyncevents_core.worker.supervisor import Supervisor
child = Program([sys.executable, "-c", sys.argv[1]])
sys.exit(Supervisor([child], within=60.0).run())
"""
_CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
_STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _CHILD


@pytest.fixture
def supervised():
    """Return a function that starts a supervisor of one child, and gives the child's id."""
    started = []

    def start(child):
        made = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, child], stdout=subprocess.PIPE, text=True
        )
        started.append(made)
        return made, int(made.stdout.readline())

    yield start
    for one in started:
        one.kill()
        one.wait()
        one.stdout.close()


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_closing_the_terminal_leaves_no_child_behind(supervised):
    made, child = supervised(_CHILD)
    made.send_signal(signal.SIGHUP)
    assert made.wait(WAIT) == 0
    assert gone(child)


def test_a_second_signal_kills_children_that_do_not_stop(supervised):
    made, child = supervised(_STUBBORN)
    made.send_signal(signal.SIGTERM)
    time.sleep(AGAIN_AFTER + 0.1)
    assert not gone(child)
    made.send_signal(signal.SIGTERM)
    assert made.wait(WAIT) == 1
    assert gone(child)


def test_a_supervisor_that_fails_stops_its_children(monkeypatch):
    processes = []
    start = subprocess.Popen

    def once(*arguments, **options):
        if processes:
            raise OSError("no more processes")
        processes.append(start(*arguments, **options))
        return processes[0]

    monkeypatch.setattr(starting.subprocess, "Popen", once)
    monkeypatch.setattr(supervisor, "stop_signals", list)
    child = Program([sys.executable, "-c", "import time; time.sleep(600)"])
    with pytest.raises(OSError, match="no more processes"):
        Supervisor([child, child], within=WAIT).run()
    assert processes[0].poll() is not None


def test_a_claimer_whose_transaction_hangs_does_not_hold_up_the_end(monkeypatch, harness, caplog):
    monkeypatch.setattr("asyncevents_core.worker.claimer._LAST_TRANSACTION", 0.0)
    begun, go_on = threading.Event(), threading.Event()

    class Hanging:
        def run(self, work):
            begun.set()
            go_on.wait(WAIT)

    claimer = make_claimer(harness, ledger=Hanging())
    claimer.start()
    assert begun.wait(WAIT)
    claimer.stop(0.01)
    claimer.join()
    assert claimer._thread.is_alive()
    assert caplog.records[-1].message.startswith("a transaction hangs")
    go_on.set()
    claimer._thread.join(WAIT)

"""What a supervisor is forked into workers with, and when it is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from asyncevents_core.hookspecs import hookimpl
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.worker.allocating import give_back
from asyncevents_core.worker.forking import Forked
from asyncevents_core.worker.template import Findings, Template

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")

FOUND = Findings(within=1.0, indexing=False)


def run_program(code):
    """Run it, and return what it prints."""
    environment = {name: one for name, one in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def child(code):
    """Return a child that ends so. It is a program: a fork of the tests would go on with them."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ)
    return Forked(pid)


def test_how_a_child_has_ended_is_told_as_by_subprocess():
    made = child("raise SystemExit(3)")
    assert (made.wait(), made.poll(), made.wait()) == (3, 3, 3)
    made = child("import time; time.sleep(600)")
    assert made.poll() is None
    made.kill()
    assert made.wait() == -signal.SIGKILL
    # Its number may be somebody else's by now.
    made.terminate()


def test_signals_of_a_parent_are_not_those_of_its_child():
    program = """
import os, signal, sys
from asyncevents_core.worker.forking import fork
signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
signal.signal(signal.SIGINT, lambda *_: os._exit(9))
print("once")
child = fork()
if child is None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(8)
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
print(child.wait())
"""
    assert run_program(program).split() == ["once", str(-signal.SIGTERM)]


def test_threads_and_connections_are_against_a_fork():
    program = """
import socket, threading
from asyncevents_core.worker.forking import no_fork, open_sockets
inherited = socket.socket()
before = open_sockets()
print(no_fork(before))
made = socket.socket()
print(no_fork(before))
made.close()
wait = threading.Event()
threading.Thread(target=wait.wait).start()
print(no_fork(before))
wait.set()
"""
    assert run_program(program).splitlines() == [
        "None",
        "what was imported has opened a connection",
        "what was imported has started threads: 1",
    ]


def test_a_command_within_another_program_forks_nothing():
    made = Template(ours=False)
    looked = []

    class Runtime:
        class settings:
            shutdown_grace = 30.0

        indexer = "embedded"

    def prepare():
        looked.append(os.getpid())
        return Runtime

    assert made.look(prepare) == Findings(within=30.0, indexing=True)
    assert looked == [os.getpid()]
    assert made.warm_up(FOUND) == "the command is part of another program"


@pytest.mark.parametrize(
    ("found", "against"),
    [
        (Findings(within=1.0, indexing=False, changed=["A", "B"]), "sets A, B in os.environ"),
        (Findings(within=1.0, indexing=False, modules=["no.such"]), "no.such cannot be imported"),
    ],
)
def test_what_is_found_may_be_against_a_fork(found, against):
    assert against in Template(ours=True).warm_up(found)


def test_plugins_say_what_is_imported_before(caplog):
    class Good:
        @hookimpl
        def asyncevents_preload(self):
            return ["one", "two"]

    class Bad:
        @hookimpl
        def asyncevents_preload(self):
            raise ValueError("nonsense")

    found = load_plugins([Bad(), Good()], found=[]).preloaded()
    assert found == ["one", "two"]
    assert caplog.records[-1].error == "ValueError('nonsense')"


def test_memory_is_handed_out_as_the_environment_says(monkeypatch):
    asked = []
    monkeypatch.setattr("asyncevents_core.worker.allocating.ctypes.CDLL", asked.append)
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    give_back()
    assert asked == []
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    give_back()
    assert asked == [None]

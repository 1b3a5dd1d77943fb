"""The system may give a signal to any thread of a process: whichever it is, the process ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import pytest

from asyncevents_core.engine.shared.running import on_own_thread
from tests.integration.project import PATIENCE, eventually

TGKILL = {"x86_64": 234, "aarch64": 131}.get(os.uname().machine, 0)
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not TGKILL,
    reason="a signal for one thread of another process is a system call by its number",
)

RUNNING = {
    "worker": ["worker"],
    "supervisor": ["worker", "--processes", "2"],
    "serve": ["serve", "--port", "0"],
    "dev": ["dev", "--no-reload", "--port", "0", "--pages", "0"],
    "dev --reload": ["dev", "--port", "0", "--pages", "0"],
    "listen": ["listen", "--port", "0"],
    "demo": ["demo", "--events", "1", "--json"],
}
SAYS = {
    "worker": "worker started",
    "supervisor": "worker started",
    "serve": "serving",
    "dev": "http://",
    "dev --reload": "worker running",
    "listen": "listening on",
    "demo": '"event_type"',
}


@pytest.mark.parametrize("command", RUNNING)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_any_thread_may_get_the_signal(make_project, command, number):
    project = make_project()
    process = project.start(*RUNNING[command])
    said = Said(process)
    eventually(lambda: SAYS[command] in said.text, what=f"{SAYS[command]!r} of {command}")
    if command.startswith("dev"):
        project.await_workers(1)
    send(process, threads_of(process)[-1], number)
    try:
        assert process.wait(PATIENCE) == 0, said.text
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{command} does not end: {said.text}") from None


def test_a_handler_runs_although_another_thread_got_the_signal():
    heard, end = threading.Event(), threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.set())

    def work() -> bool:
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        try:
            return heard.wait(PATIENCE)
        finally:
            end.set()

    try:
        assert on_own_thread(work, name="work")
    finally:
        signal.signal(signal.SIGUSR1, before)


class Said:
    """What a process prints, read while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: list[str] = []
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    @property
    def text(self) -> str:
        """What was printed so far."""
        return "".join(self._lines)

    def _read(self, stream: IO[str]) -> None:
        with contextlib.suppress(ValueError):
            # The project closes its streams at the end.
            for line in iter(stream.readline, ""):
                self._lines.append(line)


def threads_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the ids of a process's threads, the main one first."""
    return sorted(int(one.name) for one in Path(f"/proc/{process.pid}/task").iterdir())


def send(process: subprocess.Popen[str], thread: int, number: signal.Signals) -> None:
    """Send a signal to one thread of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(TGKILL, process.pid, thread, int(number)) == 0, ctypes.get_errno()

"""Forked processes: they share the memory of all that was imported before the fork."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

from asyncevents_core.worker.process import stop_signals

_TASKS: Final = Path("/proc/self/task")
_FILES: Final = Path("/proc/self/fd")


class Forked:
    """A child of this process that was forked. As `subprocess.Popen`, for one thread."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return how it has ended, a signal as a negative number; None while it runs."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """Wait for its end, as long as that takes; return as `poll`."""
        code = self._wait(0)
        assert code is not None  # noqa: S101 - it was waited for
        return code

    def terminate(self) -> None:
        """Send SIGTERM, unless it is known to have ended."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL, unless it is known to have ended."""
        self._send(signal.SIGKILL)

    def _wait(self, options: int) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def _send(self, number: signal.Signals) -> None:
        # Until it is waited for its number is nobody else's.
        if self.poll() is None:
            os.kill(self.pid, number)


def fork() -> Forked | None:
    """Fork this process; return the child, and in the child None.

    In the child what stops a worker does so as in a program that has just begun. Signals that come
    meanwhile reach the one they were sent to. To be called on the main thread, where `no_fork`
    finds nothing against it. Raises `OSError`.
    """
    for stream in (sys.stdout, sys.stderr):
        # What waits to be written would be written by both. Without a descriptor there is none.
        if stream is not None:
            stream.flush()
    numbers = set(stop_signals())
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        pid = os.fork()
        if pid:
            return Forked(pid)
        for number in numbers:
            beginning = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, beginning)
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def open_sockets() -> frozenset[str]:
    """Return the sockets that this process has open, by the system's names of them. On Linux."""
    found = set()
    for one in _FILES.iterdir():
        try:
            found.add(os.readlink(one))
        except FileNotFoundError:
            # The folder itself was read through it.
            continue
    return frozenset(name for name in found if name.startswith("socket:"))


def no_fork(sockets: frozenset[str]) -> str | None:
    """Return why this process is not to be forked; None where nothing is against it.

    `sockets` were open when it began: they are its parent's.
    """
    threads = len(list(_TASKS.iterdir()))
    if threads > 1:
        # A fork takes only one along, and the locks of the others as they are.
        return f"what was imported has started threads: {threads - 1}"
    if open_sockets() - sockets:
        return "what was imported has opened a connection"
    return None


def can_fork() -> bool:
    """Tell whether this system is one on which processes are forked: Linux.

    macOS can, but its own libraries must not be used afterwards.
    """
    return sys.platform == "linux" and _TASKS.is_dir()

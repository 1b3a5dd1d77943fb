"""What tests of a suite watch: input and output, the loop's turns, what is left behind."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Final, Self

_TICK: Final = 0.01
_IO: Final = (
    "ftplib.",
    "http.client.",
    "open",
    "os.exec",
    "os.fork",
    "os.listdir",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.scandir",
    "os.spawn",
    "os.system",
    "smtplib.",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostby",
    "socket.getnameinfo",
    "socket.send",
    "sqlite3.connect",
    "subprocess.",
    "urllib.",
)
"""How the audit events begin that stand for I/O."""

_IMPORTING: Final = "<frozen importlib._bootstrap>"
_heard: Final[ContextVar[list[str] | None]] = ContextVar("heard", default=None)


class _Listener:
    """Notes audit events of the thread that watches; it needs no global at the very end."""

    def __init__(self) -> None:
        self._heard = _heard
        self._io = _IO
        self._frame = sys._getframe
        self._importing = _IMPORTING

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        heard = self._heard.get()
        if heard is None or not event.startswith(self._io) or self._imports():
            return
        heard.append(f"{event} {arguments[0] if arguments else ''}".strip())

    def _imports(self) -> bool:
        frame = self._frame(1)
        while frame.f_back is not None:
            if frame.f_code.co_filename == self._importing:
                return True
            frame = frame.f_back
        return False


@functools.cache
def _listen() -> None:
    """Install the hook, once in a process: Python has no way to remove one."""
    sys.addaudithook(_Listener())


@contextmanager
def watched_io() -> Iterator[list[str]]:
    """Return a list of what the block does on its thread that is I/O, as audit events.

    Imports may read what they like.
    """
    _listen()
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


class Heartbeat:
    """Tells for how long the loop did not turn in a block, and how late the machine itself was.

    A thread beats beside the loop: what holds up both is the machine, and nobody's fault.
    """

    def __init__(self) -> None:
        self.machine = 0.0
        """Seconds by which the thread was late, in sum."""
        self._worst_of_thread = 0.0
        self._worst_of_loop = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat")

    @property
    def stalled(self) -> float:
        """The longest time without a turn of the loop, in seconds, less that of the machine."""
        return max(0.0, self._worst_of_loop - self._worst_of_thread)

    async def __aenter__(self) -> Self:
        self._thread.start()
        self._task = asyncio.ensure_future(self._turn())
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.sleep(2 * _TICK)
        self._task.cancel()
        self._over.set()
        self._thread.join()

    async def _turn(self) -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(_TICK)
            late = time.monotonic() - begun - _TICK
            self._worst_of_loop = max(self._worst_of_loop, late)

    def _beat(self) -> None:
        while not self._over.is_set():
            begun = time.monotonic()
            self._over.wait(_TICK)
            late = max(0.0, time.monotonic() - begun - _TICK)
            self._worst_of_thread = max(self._worst_of_thread, late)
            self.machine += late


def _open_files() -> int:
    """Return how many files are open, without what servers in this process have accepted.

    A server that stands in for the real one may hang on purpose, and keeps its end that long.
    """
    names, ports, served = os.listdir("/dev/fd"), Counter[int](), set[int]()
    for name in names:
        try:
            copy = os.dup(int(name))
        except OSError:
            continue  # that of the listing itself, or of another thread
        try:
            one = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)
            continue
        with one, suppress(OSError):
            if one.family in {socket.AF_INET, socket.AF_INET6}:
                port = one.getsockname()[1]
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    served.add(port)
                else:
                    ports[port] += 1
    return len(names) - sum(ports[port] for port in served)


COUNTS: Final[dict[str, Callable[[], int]]] = {
    "tasks": lambda: len(asyncio.all_tasks()),
    "threads": threading.active_count,
    "files": _open_files,
}
"""What a sink may leave behind, and how many there are."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage in the block."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


async def falls_to(count: Callable[[], int], most: int, *, patience: float) -> int:
    """Wait until there are at most so many, or for `patience` seconds; return how many."""
    until = time.monotonic() + patience
    while count() > most and time.monotonic() < until:
        await asyncio.sleep(_TICK)
    return count()

"""How work that can wait makes room for deliveries."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from asyncevents_core.engine.shared.running import on_own_thread

T = TypeVar("T")

logger = logging.getLogger("asyncevents.worker.indexing")

_THREADS: Final = Path("/proc/self/task")
_AUTOGROUP: Final = Path("/proc/self/autogroup")

_BUSY: Final = 0.2
"""Processors that others use, from which on the process is at work."""
_TIMES: Final = 4.0
"""How many times as long as a step took is waited after it: steps get a fifth of the time."""
_LONGEST: Final = 2.0
"""Seconds of one wait: what the process is at may be over soon."""
_GENTLE: Final = 15
"""A niceness: beside one thread that has not been nice, a thirtieth of a processor."""


class Patience:
    """For how long work may stay undone on account of others. Belongs to one thread.

    `seconds` at most since everything was last done: then it is over until everything is done
    again, so that how far the work falls behind is bounded.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._behind_since: float | None = None
        self.over = seconds <= 0

    def step(self, begun: float, *, done: bool) -> None:
        """Note that a step that has `begun` at this time is over. `done`: there was no more."""
        if done:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = begun
        behind = 0.0 if self._behind_since is None else time.monotonic() - self._behind_since
        self.over = behind >= self._seconds


class Courtesy(ABC):
    """How a thread works on what can wait, step by step, for some patience. One thread's."""

    @abstractmethod
    def run(self, stretch: Callable[[], T]) -> T:
        """Return what a stretch of steps returns, or raise what it raises."""

    @abstractmethod
    def begin(self) -> None:
        """A step begins."""

    @abstractmethod
    def pause(self, *, done: bool) -> float:
        """A step has ended; return how many seconds to wait. `done`: there was no more to do."""

    @property
    @abstractmethod
    def turned(self) -> bool:
        """Whether this stretch should end, and another begin."""


class AmongOthers(Courtesy):
    """In a process that delivers, too: waits while its other threads use a processor.

    Their interpreter is the same, so a lower priority would hold them up: who has it and gets no
    processor keeps it. On systems without /proc it never waits.
    """

    def __init__(self, patience: float) -> None:
        self._patience = Patience(patience)
        self.begin()

    def run(self, stretch: Callable[[], T]) -> T:
        """See `Courtesy`."""
        return stretch()

    def begin(self) -> None:
        """See `Courtesy`."""
        self._begun = time.monotonic()
        self._others = _others()

    def pause(self, *, done: bool) -> float:
        """See `Courtesy`."""
        took = time.monotonic() - self._begun
        self._patience.step(self._begun, done=done)
        if done or self._patience.over or _others() - self._others < _BUSY * took:
            return 0.0
        return min(_TIMES * took, _LONGEST)

    @property
    def turned(self) -> bool:
        """See `Courtesy`."""
        return False


class ByPriority(Courtesy):
    """In a process of its own: never waits, but runs at a low priority while it is patient.

    Only on Linux, where threads have a priority each. None can raise its own without privileges,
    so each stretch that is gentle runs on a new thread; threads that are started in it, such as
    those of an index, are as gentle. Where Linux shares processors among sessions, that of this
    process is gentle, too.
    """

    def __init__(self, patience: float) -> None:
        self._patience = Patience(patience)
        self._gentle = False
        self.begin()

    def run(self, stretch: Callable[[], T]) -> T:
        """See `Courtesy`."""
        self._gentle = sys.platform == "linux" and not self._patience.over
        _be_gentle_among_sessions(_GENTLE if self._gentle else 0)
        if not self._gentle:
            return stretch()
        return on_own_thread(partial(_gently, stretch), name="indexing, gently")

    def begin(self) -> None:
        """See `Courtesy`."""
        self._begun = time.monotonic()

    def pause(self, *, done: bool) -> float:
        """See `Courtesy`."""
        self._patience.step(self._begun, done=done)
        return 0.0

    @property
    def turned(self) -> bool:
        """See `Courtesy`."""
        return sys.platform == "linux" and self._gentle is self._patience.over


def _gently(stretch: Callable[[], T]) -> T:
    if sys.platform == "linux":
        # On Linux it is the thread's alone: setpriority(2), "C library/kernel differences".
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GENTLE)
    return stretch()


def _be_gentle_among_sessions(niceness: int) -> None:
    """Give this process's session a niceness, if it is the session's first process.

    With autogrouping, each session gets as much as another, however nice its threads are:
    sched(7), "The autogroup feature". Other sessions have other programs in them.
    """
    if sys.platform != "linux" or os.getsid(0) != os.getpid():
        return
    try:
        _AUTOGROUP.write_text(str(niceness))
    except OSError as error:
        # The system has none, or was asked twice within a tenth of a second.
        logger.debug("the session's priority stays as it is", extra={"error": str(error)})


def _others() -> float:
    """Return the CPU seconds of all threads of Python but this one.

    Those of libraries do not count: an index may have some, which work for this thread.
    """
    own = threading.get_native_id()
    return sum(
        _cpu_of(one.native_id)
        for one in threading.enumerate()
        if one.native_id is not None and one.native_id != own
    )


def _cpu_of(thread: int) -> float:
    """Return CPU seconds by the number that the system has for a thread; 0 if it has ended."""
    try:
        # Nanoseconds: https://docs.kernel.org/scheduler/sched-stats.html
        return int((_THREADS / str(thread) / "schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0

"""Several worker processes under one parent: started anew when they die, stopped together."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Final

from attrs import define

from asyncevents_core.service_manager import ServiceManager
from asyncevents_core.worker.exits import EXIT_OK, EXIT_STUCK
from asyncevents_core.worker.lifeline import Line
from asyncevents_core.worker.orphans import bury_orphans
from asyncevents_core.worker.process import AGAIN_AFTER, stop_signals
from asyncevents_core.worker.starting import Born, Process, Start

logger = logging.getLogger("asyncevents.supervisor")

_LOOK_EVERY: Final = 0.2
_LONGEST_PAUSE: Final = 30.0
_STEADY: Final = 60.0
_A_MOMENT: Final = 3.0
_ENDED: Final = (EXIT_OK, -signal.SIGTERM)
"""How a child may end that was told to stop: one that has no handlers yet just ends."""


@define
class _Child:
    how: Start
    process: Process
    line: Line | None
    started: float
    failures: int = 0
    restart_at: float | None = None
    done: bool = False

    def say(self) -> None:
        """Let the child know that its supervisor lives."""
        if self.line is not None:
            self.line.say()

    def let_go(self) -> None:
        """Close the line to a child that has ended."""
        line, self.line = self.line, None
        if line is not None:
            line.close()


class Supervisor:
    """Runs children, one for each of `starts`: programs of their own, or forks of this process.

    A child that exits with 0 is done (`--drain`); one that dies, or ends itself because it hangs,
    is started again, at once the first time, later after 1 to 30 seconds. SIGTERM, SIGINT and a
    terminal that is closed stop all of them; children end themselves `within` seconds; those
    that do not, a moment later, are killed. A second signal kills them at once.

    Where the system has pipes for it, each child gets its end of a `Line`, by which it learns that
    this process was killed, or is frozen.
    """

    def __init__(self, starts: Sequence[Start], *, within: float) -> None:
        self._starts = starts
        self._within = within
        # Not an Event: the signal could come while this thread holds its lock.
        self._stop = False
        self._stop_at: float | None = None
        self._at_once = False
        # Children do not talk to it: they are this process's to watch.
        self._manager = ServiceManager()

    def run(self) -> int:
        """Supervise until all children are done or a signal comes; return the exit code.

        To be called on the main thread, which gets the signal handlers. Raises `Born` in children
        that are forked: they have nothing of the supervisor any more.
        """
        for number in stop_signals():
            signal.signal(number, self._on_signal)
        children: list[_Child] = []
        try:
            self._supervise(children)
        except Born:
            for child in children:
                # Held here, too, their lines would not end with the supervisor.
                child.let_go()
            raise
        except BaseException:
            # Children have sessions of their own: nobody else would stop them.
            self._stop_all(children)
            raise
        return self._stop_all(children)

    def _supervise(self, children: list[_Child]) -> None:
        """Start `children`, and look after them until they are done or a signal comes."""
        for how in self._starts:
            children.append(self._start(how))
        logger.info("supervisor started", extra={"processes": len(children)})
        self._manager.ready()
        while not (self._stop or all(child.done for child in children)):
            self._manager.alive()
            time.sleep(_LOOK_EVERY)
            for child in children:
                child.say()
                self._look_after(child)
            bury_orphans({child.process.pid for child in children})

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._stop_at is None:
            self._stop_at = now
        self._stop, self._at_once = True, now - self._stop_at >= AGAIN_AFTER

    def _start(self, how: Start) -> _Child:
        line = Line() if os.name == "posix" else None
        try:
            process = how.start(line)
        except Born:
            raise
        except BaseException:
            if line is not None:
                line.handed_over()
                line.close()
            raise
        if line is not None:
            line.handed_over()
        return _Child(how=how, process=process, line=line, started=time.monotonic())

    def _look_after(self, child: _Child) -> None:
        if child.done:
            return
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                self._start_again(child)
            return
        code = child.process.poll()
        if code is None:
            _tell_of_freezes(child)
            return
        child.let_go()
        if code == EXIT_OK:
            child.done = True
            return
        if time.monotonic() - child.started > _STEADY:
            child.failures = 0
        pause = _back_off(child)
        logger.error(
            "a worker process hung and ended itself; it is started again"
            if code == EXIT_STUCK
            else "a worker process died; it is started again",
            extra={"pid": child.process.pid, "exit": code, "in_seconds": pause},
        )

    def _start_again(self, child: _Child) -> None:
        try:
            fresh = self._start(child.how)
        except OSError as error:
            # No memory or no process is left: that is no reason to stop the others.
            pause = _back_off(child)
            logger.error(
                "a worker process cannot be started; trying again",
                extra={"error": str(error), "in_seconds": pause},
            )
            return
        child.process, child.line, child.started = fresh.process, fresh.line, fresh.started
        child.restart_at = None

    def _stop_all(self, children: Sequence[_Child]) -> int:
        running = [child.process for child in children if child.process.poll() is None]
        if not running:
            return EXIT_OK
        logger.info("supervisor stopping", extra={"running": len(running)})
        self._manager.stopping()
        for process in running:
            process.terminate()
        until = time.monotonic() + self._within + _A_MOMENT
        while not self._at_once and time.monotonic() < until and _any_runs(running):
            time.sleep(_LOOK_EVERY)
            for child in children:
                child.say()
        if self._at_once:
            logger.warning("stopping at once; what is under way is made again")
        for process in running:
            if process.poll() is None:
                logger.error("a worker did not stop in time; killed", extra={"pid": process.pid})
                process.kill()
        codes = [process.wait() for process in running]
        for child in children:
            child.let_go()
        return next((code if code > 0 else 1 for code in codes if code not in _ENDED), EXIT_OK)


def _any_runs(processes: Sequence[Process]) -> bool:
    return any(process.poll() is None for process in processes)


def _back_off(child: _Child) -> float:
    """Note a failure; return after how many seconds the child is started again."""
    pause = min(_LONGEST_PAUSE, 2.0 ** (child.failures - 1)) if child.failures else 0.0
    child.failures += 1
    child.restart_at = time.monotonic() + pause
    return pause


def _tell_of_freezes(child: _Child) -> None:
    """Say that somebody has stopped a child (SIGSTOP), where the system tells, and that it goes on.

    It is not killed: others take over what it leased, and it may be looked at.
    """
    if not hasattr(os, "waitid"):
        return
    wanted = os.WSTOPPED | os.WCONTINUED | os.WNOHANG
    with suppress(ChildProcessError):
        found = os.waitid(os.P_PID, child.process.pid, wanted)
        if found is None:
            return
        if found.si_code == os.CLD_CONTINUED:
            logger.info("a worker process goes on", extra={"pid": child.process.pid})
        else:
            logger.warning(
                "a worker process is frozen (SIGSTOP); others take over what it does",
                extra={"pid": child.process.pid},
            )

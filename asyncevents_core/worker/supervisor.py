"""Several worker processes under one parent: started anew when they die, stopped together."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Sequence
from types import FrameType
from typing import Final

from attrs import define

from asyncevents_core.worker.process import (
    AGAIN_AFTER,
    EXIT_OK,
    EXIT_STUCK,
    stop_signals,
)

logger = logging.getLogger("asyncevents.supervisor")

_LOOK_EVERY: Final = 0.2
_EXTRA_GRACE: Final = 10.0
_LONGEST_PAUSE: Final = 30.0
_STEADY: Final = 60.0
_ENDED: Final = (EXIT_OK, -signal.SIGTERM)
"""How a child may end that was told to stop: one that has no handlers yet just ends."""


@define
class _Child:
    command: Sequence[str]
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    restart_at: float | None = None
    done: bool = False


class Supervisor:
    """Runs `commands` as children. Each is a program of its own: nothing is forked.

    A child that exits with 0 is done (`--drain`); one that dies is started again, at once the
    first time, later after 1 to 30 seconds. SIGTERM, SIGINT and a terminal that is closed stop
    all of them; children get `grace` seconds and a little more, then they are killed. A second
    signal kills them at once.
    """

    def __init__(self, commands: Sequence[Sequence[str]], *, grace: float) -> None:
        self._commands = commands
        self._grace = grace
        # Not an Event: the signal could come while this thread holds its lock.
        self._stop = False
        self._stop_at: float | None = None
        self._at_once = False

    def run(self) -> int:
        """Supervise until all children are done or a signal comes; return the exit code.

        To be called on the main thread, which gets the signal handlers.
        """
        for number in stop_signals():
            signal.signal(number, self._on_signal)
        children: list[_Child] = []
        try:
            for command in self._commands:
                children.append(self._start(command))
            logger.info("supervisor started", extra={"processes": len(children)})
            while not (self._stop or all(child.done for child in children)):
                time.sleep(_LOOK_EVERY)
                for child in children:
                    self._look_after(child)
        finally:
            # Children have sessions of their own: nobody else would stop them.
            code = self._stop_all(children)
        return code

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._stop_at is None:
            self._stop_at = now
        self._stop, self._at_once = True, now - self._stop_at >= AGAIN_AFTER

    def _start(self, command: Sequence[str]) -> _Child:
        # A session of its own: Ctrl-C reaches the parent only, which passes it on once.
        process = subprocess.Popen(command, start_new_session=True)  # noqa: S603
        return _Child(command=command, process=process, started=time.monotonic())

    def _look_after(self, child: _Child) -> None:
        if child.done:
            return
        now = time.monotonic()
        if child.restart_at is not None:
            if now >= child.restart_at:
                fresh = self._start(child.command)
                child.process, child.started, child.restart_at = fresh.process, now, None
            return
        code = child.process.poll()
        if code is None:
            return
        if code == EXIT_OK:
            child.done = True
            return
        if now - child.started > _STEADY or code == EXIT_STUCK:
            child.failures = 0
        pause = min(_LONGEST_PAUSE, 2.0 ** (child.failures - 1)) if child.failures else 0.0
        child.failures += 1
        child.restart_at = now + pause
        logger.error(
            "a worker process died; it is started again",
            extra={"pid": child.process.pid, "exit": code, "in_seconds": pause},
        )

    def _stop_all(self, children: Sequence[_Child]) -> int:
        running = [child.process for child in children if child.process.poll() is None]
        if not running:
            return EXIT_OK
        logger.info("supervisor stopping", extra={"running": len(running)})
        for process in running:
            process.terminate()
        until = time.monotonic() + self._grace + _EXTRA_GRACE
        while not self._at_once and time.monotonic() < until and _any_runs(running):
            time.sleep(_LOOK_EVERY)
        if self._at_once:
            logger.warning("stopping at once; what is under way is made again")
        for process in running:
            if process.poll() is None:
                logger.error("a worker did not stop in time; killed", extra={"pid": process.pid})
                process.kill()
        codes = [process.wait() for process in running]
        return next((code if code > 0 else 1 for code in codes if code not in _ENDED), EXIT_OK)


def _any_runs(processes: Sequence[subprocess.Popen[bytes]]) -> bool:
    return any(process.poll() is None for process in processes)

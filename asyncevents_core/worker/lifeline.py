"""The line from a supervisor to each of its children: they end when it is gone, and say why."""

from __future__ import annotations

import ctypes
import logging
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from asyncevents_core.worker.exits import EXIT_AT_ONCE
from asyncevents_core.worker.process import Worker

logger = logging.getLogger("asyncevents.worker")

OPTION: Final = "--lifeline"
"""The option with which a supervisor tells a child which file descriptor is its end."""
SAY_EVERY: Final = 1.0
STANDS_STILL: Final = 30
"""Looks, one a second, without a sign from a supervisor that is there: it is frozen."""
_PR_SET_PDEATHSIG: Final = 1


class Line:
    """The supervisor's end of a pipe to one child. Used by one thread.

    Nobody else has the end that is written to, so the child reads its end when this process is
    gone, however it went. While it lives it says so every second.
    """

    def __init__(self) -> None:
        self.child_end, self._our_end = os.pipe()
        os.set_blocking(self._our_end, False)
        self._say_at = 0.0

    def handed_over(self) -> None:
        """The child has its end: close it here."""
        os.close(self.child_end)

    def taken(self) -> None:
        """To be called in the child, where it was forked: only the supervisor keeps its end."""
        os.close(self._our_end)

    def say(self) -> None:
        """Give a sign of life, at most every second. One that does not read is no mistake."""
        now = time.monotonic()
        if now >= self._say_at:
            self._say_at = now + SAY_EVERY
            with suppress(BlockingIOError, BrokenPipeError):
                os.write(self._our_end, b".")

    def close(self) -> None:
        """Let go; a child that still runs ends."""
        os.close(self._our_end)


class Lifeline:
    """The child's end: a thread that stops `worker` when its supervisor is gone.

    `descriptor` is the end that `Line` made. A worker that has not ended `within` seconds is
    ended: nobody else would do it.
    """

    def __init__(self, descriptor: int, worker: Worker, *, within: float) -> None:
        self._descriptor = descriptor
        self._worker = worker
        self._within = within

    def start(self) -> None:
        """Start the thread. A supervisor that is gone already is noticed at once.

        To be called on the main thread, early: from then on Linux itself tells of the parent's
        death, also while this process is in code that lets no other thread run.
        """
        # What this process starts has nothing to do with it.
        os.set_inheritable(self._descriptor, False)
        die_with_parent()
        threading.Thread(target=self._run, name="lifeline", daemon=True).start()

    def _run(self) -> None:
        # Its own looks are counted, not seconds: frozen together, both go on together.
        silent = 0
        while True:
            ready, _, _ = select.select([self._descriptor], [], [], SAY_EVERY)
            if ready and not os.read(self._descriptor, 4096):
                break
            if ready and silent >= STANDS_STILL:
                logger.info("the supervisor goes on")
            silent = 0 if ready else silent + 1
            if silent == STANDS_STILL:
                logger.warning(
                    "the supervisor stands still: it would not start a worker again that dies",
                    extra={"supervisor": os.getppid()},
                )
        logger.error("the supervisor is gone; stopping as on SIGTERM")
        self._worker.stop()
        time.sleep(self._within)
        logger.error("not stopped in time; what is under way is made again")
        os._exit(EXIT_AT_ONCE)


def die_with_parent() -> None:
    """Let Linux send SIGTERM when the thread that started this process ends.

    That is the supervisor's main thread. If it ended before, the pipe says so.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

"""How a worker ends: its exit codes, and the time that it has."""

from __future__ import annotations

import logging
import os
import threading
from typing import Final, NoReturn

EXIT_OK: Final = 0
EXIT_AT_ONCE: Final = 1
"""A second signal, or time is over: what is under way is left to other workers."""
EXIT_STUCK: Final = 3
"""Something hangs: threads of services or sinks, or what the watchdog looks at. The process wants
to be started anew."""
LAST_WORK: Final = 5.0
"""Seconds to write outcomes and to close everything, after what was under way had its time."""

_LONGEST_LOGGING: Final = 1.0
"""Seconds for the log to take a line: it may be what everybody hangs in."""


def time_for_work(grace: float) -> float:
    """Return how many seconds of SHUTDOWN_GRACE attempts and services under way have to finish."""
    return max(grace - LAST_WORK, grace / 2)


def time_to_end(grace: float) -> float:
    """Return the seconds within which a worker that is told to stop has ended.

    That is SHUTDOWN_GRACE, from 10 seconds on; outcomes need some time in every case.
    """
    return time_for_work(grace) + LAST_WORK


def log_in_time(
    logger: logging.Logger, level: int, message: str, fields: dict[str, object]
) -> None:
    """Write to the log, on a thread of its own: what hangs may hold the lock of the log."""
    told = threading.Thread(
        target=logger.log, args=(level, message), kwargs={"extra": fields}, daemon=True
    )
    told.start()
    told.join(_LONGEST_LOGGING)


def exit_stuck() -> NoReturn:
    """End this process at once, from any thread, with `EXIT_STUCK`."""
    flushed = threading.Thread(target=logging.shutdown, daemon=True)
    flushed.start()
    flushed.join(_LONGEST_LOGGING)
    # Threads hang: the interpreter would wait for them.
    os._exit(EXIT_STUCK)

"""Prints the log as it grows, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from asyncevents_core.cli.render import errors
from asyncevents_core.domain.log_filter import LogFilter
from asyncevents_core.domain.trace import LogRow
from asyncevents_core.engine.following import LogFollower
from asyncevents_core.ports.ledger import Ledger

_PAUSE: Final = 1.0


def follow_log(ledger: Ledger, wanted: LogFilter, show: Callable[[LogRow], None]) -> None:
    """Give `show` each attempt that is written from now on, until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        follower = LogFollower(ledger, wanted)
        errors().print("Waiting for new attempts; Ctrl-C ends it.")
        while True:
            for row in follower.poll():
                show(row)
            if not follower.behind:
                time.sleep(_PAUSE)

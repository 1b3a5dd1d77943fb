"""What process 1 of a container does besides: it waits for processes whose parents have ended."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Final

FIRST: Final = 1
"""The process that becomes the parent of all that have lost theirs."""


def bury_orphans(own: Collection[int], *, process: int | None = None) -> list[int]:
    """Wait for children that have ended and are none of one's `own`; return their numbers.

    Where a worker is killed, the processes that it had for services and sinks become children of
    process 1. They end by themselves; but until somebody waits for them they stay in the table of
    processes, of which a container may have few. Does nothing elsewhere than in process 1. `own`
    are waited for by whoever started them. `process` is the number of this process, unless it is
    found out. Does not block; call it again and again.
    """
    if (os.getpid() if process is None else process) != FIRST or not hasattr(os, "waitid"):
        return []
    buried: list[int] = []
    while True:
        try:
            # Looked at, and not yet waited for.
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return buried
        if found is None or found.si_pid in own:
            return buried
        os.waitpid(found.si_pid, 0)
        buried.append(found.si_pid)

"""Where tests write: in memory where there is room. Thousands of small writes wait for a disk.

Servers and ledgers flush what they commit, as they do everywhere. That a process is killed loses
nothing of it in memory either, and tests of lost power go by a record of what was flushed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
ROOM = 8 * 1024**3
"""Bytes that have to be free: the whole suite writes half of them at most, and its processes take
another 6 GB of memory."""
_PREFIX = "ae-"
"""Short, as what is in it should be, since addresses of sockets are paths of 107 characters."""


def in_memory() -> Path | None:
    """Let temporary files of this process and its children be in memory; return their folder.

    None: there is no room, no program may be run from there, or `TMPDIR` says where they are to be.
    What was left by sessions that have ended is removed.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return None
    if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        # Containers have it so; tests start programs of virtual environments.
        return None
    running = {*psutil.pids()} - {os.getpid()}
    for left in MEMORY.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX)
        if owner.isdecimal() and int(owner) not in running:
            shutil.rmtree(left, ignore_errors=True)
    if shutil.disk_usage(MEMORY).free < ROOM or psutil.virtual_memory().available < 2 * ROOM:
        return None
    folder = MEMORY / f"{_PREFIX}{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o755)  # some servers are other users
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    return folder


def remove(folder: Path) -> None:
    """Remove the folder of a session, and let temporary files be where they were."""
    del os.environ["TMPDIR"]
    tempfile.tempdir = None
    shutil.rmtree(folder, ignore_errors=True)

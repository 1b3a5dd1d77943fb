"""What tests start ends with them, however they end: on Ctrl-C, and when they are killed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

_WATCH: Final = """
read -r _
kill -s KILL -- "-$1" 2>/dev/null
[ -z "$2" ] || rm -rf -- "$2" 2>/dev/null
"""
"""Nobody writes a line: the pipe ends with the process that holds its other end."""


class Leash:
    """Ends a group of processes with SIGKILL as soon as this process is gone.

    A small shell waits for that, in a session of its own: neither a terminal's Ctrl-C nor what
    kills a group of processes reaches it. Let go of what has ended: its number may be another's.
    """

    def __init__(self, group: int, folder: Path | None = None) -> None:
        """`group`: the leader of a session; `folder` is removed after its end."""
        self._shell = subprocess.Popen(
            ["sh", "-c", _WATCH, "leash", str(group), "" if folder is None else str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def let_go(self) -> None:
        """End nothing any more."""
        self._shell.kill()
        self._shell.wait()
        assert self._shell.stdin is not None
        self._shell.stdin.close()

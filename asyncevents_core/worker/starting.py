"""How a supervisor starts worker processes: programs of their own, or forks of itself."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence

from asyncevents_core.domain.worker import Role
from asyncevents_core.worker.forking import Forked, fork
from asyncevents_core.worker.lifeline import OPTION, Line

Process = subprocess.Popen[bytes] | Forked
"""A child: `pid`, `poll`, `wait`, `terminate` and `kill`."""


class Start(ABC):
    """Starts one worker process, again and again: each time one has died."""

    @abstractmethod
    def start(self, line: Line | None) -> Process:
        """Return a new process, in a session of its own, with the child's end of `line`.

        Ctrl-C reaches the supervisor only, which passes it on once. Raises `OSError`.
        """


class Program(Start):
    """A program of its own: nothing is forked. It gets its end by the option `--lifeline`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    def start(self, line: Line | None) -> subprocess.Popen[bytes]:
        """See `Start`."""
        ends = () if line is None else (line.child_end,)
        return subprocess.Popen(  # noqa: S603
            [*self._command, *(f"{OPTION}={end}" for end in ends)],
            start_new_session=True,
            pass_fds=ends,
        )


class Born(BaseException):
    """Raised in a child of a fork, out of the supervisor: this process is a worker from now on.

    `roles` is what it consumes, `lifeline` its end of the line.
    """

    def __init__(self, roles: Sequence[Role], lifeline: int) -> None:
        super().__init__("this process is a worker")
        self.roles = tuple(roles)
        self.lifeline = lifeline


class Fork(Start):
    """A fork of the supervisor, which shares its memory. `Born` is raised in the child."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self._roles = roles

    def start(self, line: Line | None) -> Forked:
        """See `Start`."""
        assert line is not None  # noqa: S101 - where there are forks there are pipes
        process = fork()
        if process is not None:
            return process
        os.setsid()
        line.taken()
        raise Born(self._roles, line.child_end)

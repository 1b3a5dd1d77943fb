"""The processes of a world: started, killed, frozen, and what they say."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from attrs import define, field

from tests.integration.project import PATIENCE, Project

PUBLISHER = """
import pathlib, sys, time
from asyncevents_core import AsyncEvents
from asyncevents_core.errors import LedgerUnavailable

path, enough, pause = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
events = AsyncEvents()
with open(path, "a+") as accepted:
    accepted.seek(0)
    done = len(accepted.read().split())
    while not enough.exists():
        batch = [("order.created", {"n": done + n, "text": "x" * 500}) for n in range(5)]
        try:
            ids = events.publish_many(batch)
        except LedgerUnavailable as error:
            print("00:00:00 WARNING publisher  publish() raises LedgerUnavailable", flush=True)
            time.sleep(0.1)
            continue
        accepted.write("".join(f"{one}\\n" for one in ids))
        accepted.flush()
        done += len(ids)
        time.sleep(pause)
"""
"""Publishes until there is a file that says enough; appends the ids that were accepted."""

WORKER = """
import os, pathlib, signal, sys
from sqlalchemy import Engine, event

freeze = pathlib.Path(sys.argv[1])
sys.argv = ["asyncevents", "worker", *sys.argv[2:]]

@event.listens_for(Engine, "before_cursor_execute")
def note(connection, cursor, statement, parameters, context, executemany):
    if statement.startswith("UPDATE asyncevents_"):
        connection.info["holds locks"] = True

@event.listens_for(Engine, "commit")
def stop_here(connection):
    if connection.info.pop("holds locks", False) and freeze.exists():
        freeze.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)

from asyncevents_core.cli.app import main
main()
"""
"""A worker with a fault point: it freezes before a commit if there is a file that says so."""

EXIT_TO_BE_RESTARTED = 3
"""The exit code by which a worker asks its supervisor to be started anew."""

_LINE = re.compile(r"^\S+ (WARNING|ERROR|CRITICAL) +\S+  (.*?)(?:  \w+=.*)?$", re.MULTILINE)


@define(slots=False)
class Process:
    """A process of the project: started again when it is killed; its output goes to a file."""

    name: str
    project: Project
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(factory=dict)
    process: subprocess.Popen[bytes] | None = None
    exits: list[int] = field(factory=list)
    """The codes with which it ended by itself."""

    def __attrs_post_init__(self) -> None:
        self.log: Path = self.project.folder / f"{self.name}.log"
        self.log.touch()
        self._told = False
        self._started_from = 0

    def start(self) -> None:
        self._told = False
        self._started_from = self.log.stat().st_size
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=self.project.folder,
                env={**self.project.environment, **self.environment},
                stdout=log,
                stderr=log,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it is a worker that has signed on, and runs."""
        with open(self.log, "rb") as log:
            log.seek(self._started_from)
            return self.running and b"worker started" in log.read()

    @property
    def frozen(self) -> bool:
        return self.running and psutil.Process(self._pid).status() == psutil.STATUS_STOPPED

    def kill(self) -> bool:
        """SIGKILL, if it runs; tell whether it did."""
        if not self.running:
            return False
        self._send(signal.SIGKILL)
        return True

    def end(self) -> None:
        """SIGKILL to it and to all that it has started: for the end of a world."""
        children = psutil.Process(self._pid).children(recursive=True) if self.running else []
        self.kill()
        for one in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    def stop(self) -> int:
        """SIGTERM; return how it ended."""
        if self.running:
            self._send(signal.SIGTERM)
        return self.process.returncode if self.process is not None else 0

    def freeze(self) -> bool:
        if not self.running:
            return False
        self.process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        return True

    def thaw(self) -> None:
        if self.running:
            self.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]

    def look_after(self) -> None:
        """Start it again as a supervisor would, if it ended by itself; note with which code."""
        if self.process is None or self._told or self.running:
            return
        self.exits.append(self.process.returncode)
        if self.process.returncode == EXIT_TO_BE_RESTARTED:
            self.start()

    def warnings(self, since: int = 0) -> list[str]:
        """Return what it has warned of from this offset of its log on, without the details."""
        with open(self.log, "rb") as log:
            log.seek(since)
            text = log.read().decode(errors="replace")
        return [found[2] for found in _LINE.finditer(text)]

    @property
    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self._told = True
        self.process.send_signal(number)
        self.process.wait(PATIENCE)


def one_of(workers: Sequence[Process], dice: random.Random, seconds: float) -> Process | None:
    """Return a worker that a fault may befall, when another one is healthy; None: not in time."""
    victim = dice.choice(workers)
    until = time.monotonic() + seconds
    while not any(one.ready for one in workers if one is not victim):
        if time.monotonic() > until:
            return None
        time.sleep(0.1)
    return victim if victim.running else None


def wait_until_frozen(process: Process, seconds: float) -> bool:
    """Tell whether the process froze by itself within this time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.frozen:
            return True
        time.sleep(0.02)
    return False

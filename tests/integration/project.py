"""A user's project in a folder of its own, worked on through the command line."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import pytest
from attrs import define, field
from click.testing import CliRunner
from cryptography.fernet import Fernet

from asyncevents_core import AsyncEvents
from asyncevents_core.cli.app import cli
from tests.services.leash import Leash

SHORT = {
    "check",
    "dead-letters",
    "logs",
    "publish",
    "published",
    "status",
    "subscribe",
    "token",
    "trace",
}
"""Commands that read or write the ledger, and end: `Project.run` starts no process for them.

From the main thread, that is: folder, environment and output are the whole process's.
"""
PATIENCE = 180.0
"""Seconds to wait for what is certain to come: far beyond SHUTDOWN_GRACE on a busy machine."""


def eventually(
    condition: Callable[[], Any], *, what: str, timeout: float = PATIENCE, pause: float = 0.05
) -> Any:
    """Wait until something is true and return it; fail by name when time runs out.

    Args:
        condition: What is asked, with `pause` seconds in between.
        what: What is waited for, for the failure.
        timeout: Seconds.
        pause: Seconds.
    """
    until = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(pause)


@define(slots=False)
class Project:
    """A folder with a settings module, and the processes that were started in it."""

    folder: Path
    settings: dict[str, Any] = field(factory=dict)
    running: list[subprocess.Popen[str]] = field(factory=list)
    _leashes: ExitStack = field(factory=ExitStack, init=False)

    def __attrs_post_init__(self) -> None:
        defaults = {
            "LEDGER_URL": f"sqlite:///{self.folder}/ledger.db",
            "BROKER_URL": f"sqla+sqlite:///{self.folder}/broker.db",
            "SECRET_KEYS": [Fernet.generate_key().decode()],
            "SINKS": {"http": {"allow": ["127.0.0.0/8"]}},
            "EVENTS": {"order.created": {}},
            "INDEXERS": {"embedded": {"path": f"{self.folder}/index", "memory_mb": 16}},
        }
        self.settings = {**defaults, **self.settings}
        self.write_settings()

    def write_settings(self) -> None:
        lines = [f"{name} = {value!r}" for name, value in self.settings.items()]
        (self.folder / "project_settings.py").write_text("\n".join(lines) + "\n")

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")])
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("ASYNCEV")},
            "ASYNCEVENTS_SETTINGS_MODULE": "project_settings",
            "PYTHONPATH": path.rstrip(os.pathsep),
            "COLUMNS": "200",
        }

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start `asyncevents …` and return at once."""
        return self.start_python("-m", "asyncevents_core", *arguments, **extra)

    def start_python(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start `python …` and return at once."""
        process = self._open(arguments, environment={**self.environment, **extra})
        self._leashes.callback(Leash(process.pid).let_go)
        return process

    def run(
        self, *arguments: str, exit_code: int | None = 0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `asyncevents …` to its end and check how it ended."""
        if arguments[0] in SHORT and threading.current_thread() is threading.main_thread():
            done = run_here(self.folder, arguments, environment=self.environment, stdin=stdin)
            assert exit_code is None or done.returncode == exit_code, done.stdout + done.stderr
            return done
        process = self._open(
            ("-m", "asyncevents_core", *arguments),
            environment=self.environment,
            stdin=None if stdin is None else subprocess.PIPE,
        )
        # Where the time runs out it stays among the running ones, which are killed in the end.
        output, errors = process.communicate(stdin, timeout=PATIENCE)
        self.running.remove(process)
        code = process.returncode
        assert exit_code is None or code == exit_code, output + errors
        return subprocess.CompletedProcess(arguments, code, output, errors)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command with --json and return its lines."""
        return [json.loads(line) for line in self.run(*arguments, "--json").stdout.splitlines()]

    def events(self) -> AsyncEvents:
        """Return an application object on this project's settings."""
        return AsyncEvents(self.settings)

    def await_workers(self, count: int) -> None:
        """Wait until so many workers have signed on: from then on they heed signals."""
        with self.events() as events:
            ledger = events.runtime.ledger
            eventually(
                lambda: len(ledger.read(lambda view: list(view.workers.all()))) == count,
                what=f"{count} workers have started",
            )

    def end(self) -> None:
        """Leave no process behind."""
        for process in self.running:
            kill_tree(process)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    # What it did not read of its input is lost with it.
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        self._leashes.close()

    def _open(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], stdin: int | None = None
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process


def run_here(
    folder: Path,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command in this process: a new one imports for a second what is here."""
    with (
        contextlib.chdir(folder),
        pytest.MonkeyPatch.context() as patch,
        # Settings modules may set variables.
        mock.patch.dict(os.environ),
        _logging_as_it_is(),
    ):
        patch.setattr(sys, "path", [str(folder), *sys.path])
        for name in [one for one in os.environ if one.startswith("ASYNCEV")]:
            patch.delenv(name)
        try:
            done = CliRunner().invoke(cli, list(arguments), input=stdin, env=environment)
        finally:
            _forget_modules(folder)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def _forget_modules(folder: Path) -> None:
    """Let the next project, and this one when it has changed, import its own."""
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin is not None and Path(origin).is_relative_to(folder):
            del sys.modules[name]
    importlib.invalidate_caches()


@contextlib.contextmanager
def _logging_as_it_is() -> Iterator[None]:
    """Give the handlers and levels back that a command sets anew."""
    names = ("", "asyncevents", "elastic_transport", "sqlalchemy.pool")
    loggers = [logging.getLogger(name) for name in names]
    levels, handlers = [one.level for one in loggers], loggers[0].handlers[:]
    try:
        yield
    finally:
        loggers[0].handlers[:] = handlers
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def kill_tree(process: subprocess.Popen[str]) -> None:
    """SIGKILL to a process and all below it; returns when it has ended.

    Its children too, since each holds the pipes open: a supervisor's have sessions of their
    own, and those of a process that has ended are found by its group only.
    """
    children: list[psutil.Process] = []
    if process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL: no handler runs, nothing is flushed."""
    process.send_signal(signal.SIGKILL)
    process.communicate()

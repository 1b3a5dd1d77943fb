"""A user's project in a folder of its own, worked on through the command line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from cryptography.fernet import Fernet

from asyncevents_core import AsyncEvents

PATIENCE = 60.0


def eventually(condition: Callable[[], Any], *, what: str, timeout: float = PATIENCE) -> Any:
    """Wait until something is true and return it; fail by name when time runs out."""
    until = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(0.05)


@define(slots=False)
class Project:
    """A folder with a settings module, and the processes that were started in it."""

    folder: Path
    settings: dict[str, Any] = field(factory=dict)
    running: list[subprocess.Popen[str]] = field(factory=list)

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
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.environment, **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def run(
        self, *arguments: str, exit_code: int | None = 0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `asyncevents …` to its end and check how it ended."""
        done = subprocess.run(
            [sys.executable, "-m", "asyncevents_core", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=PATIENCE * 2,
        )
        assert exit_code is None or done.returncode == exit_code, done.stdout + done.stderr
        return done

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
                lambda: len(ledger.read(lambda queries: list(queries.workers()))) == count,
                what=f"{count} workers have started",
            )

    def end(self) -> None:
        for process in self.running:
            # Its children too: each holds the pipes open.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL: no handler runs, nothing is flushed."""
    process.send_signal(signal.SIGKILL)
    process.communicate()

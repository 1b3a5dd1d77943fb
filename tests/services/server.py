"""A server of the tests' own: on a private port and folder, started, killed and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import psutil

from tests.services.leash import Leash
from tests.services.needs import Service, find_program
from tests.services.ports import free_port


class Server(ABC):
    """A server process in a folder of its own. `start` returns when it answers."""

    needs: ClassVar[Service]
    user: ClassVar[str | None] = None
    """Who runs it where the tests run as root, which these servers refuse."""
    start_timeout: ClassVar[float] = 300.0
    """Seconds, for all attempts together; a busy machine needs more than one minute."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"asyncevents-{self.needs.name.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None
        self._has_answered = False
        self._choose_ports()
        self._own(self.folder)
        self._prepare()

    @property
    @abstractmethod
    def command(self) -> Sequence[str]:
        """The command line, in the foreground."""

    @abstractmethod
    def answers(self) -> None:
        """Raise unless a client can work with it."""

    def start(self) -> None:
        until = time.monotonic() + self.start_timeout
        process = self._launch()
        while True:
            try:
                self.answers()
            except Exception as error:
                if time.monotonic() > until:
                    raise self._failed(error) from error
                ended = process.poll() is not None
                # A killed predecessor may hold its port or memory for a moment.
                time.sleep(0.2 if ended else 0.05)
                if ended:
                    if not self._has_answered:
                        # Something else may have taken a port. Once it answered, clients know it.
                        self._choose_other_ports()
                    process = self._launch()
            else:
                self._has_answered = True
                return

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to the server and all its children."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing answers."""
        self._tell_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._tell_all(signal.SIGCONT)

    def remove(self) -> None:
        """Stop for good, and leave nothing behind."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self) -> subprocess.Popen[bytes]:
        self._let_go()
        with open(self.folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self._environment()},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._as_user(),
            )
        self._leash = Leash(self._process.pid, self.folder)
        return self._process

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _choose_other_ports(self) -> None:
        self._choose_ports()

    def _prepare(self) -> None:  # noqa: B027 - most need nothing
        """Make what the first start needs."""

    def _environment(self) -> Mapping[str, str]:
        return {}

    def _failed(self, error: Exception) -> RuntimeError:
        log = (self.folder / "server.log").read_text(errors="replace")[-3000:]
        return RuntimeError(f"{self.needs.name} does not start: {error}\n{log}")

    def _run(self, *command: str) -> None:
        subprocess.run(
            command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, **self._as_user()
        )

    def _as_user(self) -> dict[str, Any]:
        if self.user is None or os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _own(self, path: Path) -> None:
        if self.user is not None and os.geteuid() == 0:
            shutil.chown(path, self.user)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _tell_all(self, number: signal.Signals) -> None:
        """Also those that PostgreSQL puts into groups of their own."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self._process.pid)
            # The first one first: it makes no others meanwhile.
            first.send_signal(number)
            for one in first.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.send_signal(number)

    def _signal(self, number: signal.Signals) -> None:
        self._send(number)
        if self._process is not None:
            self._process.wait(30)
            self._process = None
        self._let_go()

    def _let_go(self) -> None:
        if self._leash is not None:
            self._leash.let_go()
            self._leash = None


def program(name: str) -> str:
    found = find_program(name)
    assert found is not None, name
    return found

"""Pub/Sub for the tests: what is there of a running one, Google's emulator, Google's `pstest`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import grpc

from tests.services.needs import PUBSUB, PUBSUB_HOST, find_program
from tests.services.server import Server

SOURCE = Path(__file__).parent / "pstest"


class PubSub(Server):
    """In memory. One that `ASYNCEVENTS_TEST_PUBSUB_HOST` names is used, and left running."""

    needs = PUBSUB

    @property
    def host(self) -> str:
        """HOST:PORT, in plain text."""
        return os.environ.get(PUBSUB_HOST) or f"127.0.0.1:{self.port}"

    @property
    def command(self) -> Sequence[str]:
        return command_on(self.port)

    def start(self) -> None:
        if os.environ.get(PUBSUB_HOST):
            self.answers()
        else:
            super().start()

    def answers(self) -> None:
        with grpc.insecure_channel(self.host) as channel:
            grpc.channel_ready_future(channel).result(timeout=5)


def command_on(port: int) -> Sequence[str]:
    """Return the command of what is here, listening on a port."""
    emulator = PUBSUB.emulator()
    if emulator is None:
        return [str(built_pstest()), str(port)]
    java, archive = emulator
    return [java, "-Xmx256m", "-jar", archive, "--host=127.0.0.1", f"--port={port}"]


def built_pstest() -> Path:
    """Return the program, built once per version of its source and kept in the user's cache."""
    sources = [SOURCE / name for name in ("main.go", "go.mod", "go.sum")]
    digest = hashlib.sha256(b"\0".join(one.read_bytes() for one in sources)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    program = cache / "asyncevents-tests" / f"pstest-{digest}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as folder:
            made = Path(folder) / "pstest"
            done = subprocess.run(
                [find_program("go") or "go", "build", "-mod=readonly", "-o", str(made), "."],
                cwd=SOURCE,
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise RuntimeError(f"cannot build Pub/Sub's pstest (Go 1.19+):\n{done.stderr}")
            made.replace(program)
    return program


if __name__ == "__main__":
    # As `gcloud beta emulators pubsub start … --host-port HOST:PORT` does.
    command = command_on(int(sys.argv[-1].rpartition(":")[2]))
    os.execv(command[0], command)

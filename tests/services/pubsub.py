"""Pub/Sub for the tests: what is there of a running one, Google's emulator, Google's `pstest`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import grpc

from tests.services.needs import PUBSUB, PUBSUB_HOST, find_program
from tests.services.servers import Server

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
        emulator = PUBSUB.emulator()
        if emulator is None:
            return [str(built_pstest()), str(self.port)]
        java, archive = emulator
        return [java, "-Xmx256m", "-jar", archive, "--host=127.0.0.1", f"--port={self.port}"]

    def start(self) -> None:
        if os.environ.get(PUBSUB_HOST):
            self.answers()
        else:
            super().start()

    def answers(self) -> None:
        with grpc.insecure_channel(self.host) as channel:
            grpc.channel_ready_future(channel).result(timeout=5)


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

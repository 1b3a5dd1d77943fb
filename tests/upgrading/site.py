"""A site that runs asyncevents: its settings, and processes of one version or another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from tests.integration.project import PATIENCE, eventually, kill_tree
from tests.services.leash import Leash
from tests.upgrading.versions import Version

SERVICES: Final = """\
from asyncevents_core import event


@event("order.paid")
def paid(id: int) -> dict[str, object]:
    return {"id": id, "total": "19.99"}
"""
PUBLISHER: Final = '''\
"""Publishes until SIGTERM, alone and in transactions of its own; writes down the ids."""
import signal
import sys
import time

import sqlalchemy as sa
from asyncevents_core import AsyncEvents

stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
engine = sa.create_engine(sys.argv[1])
number = 0
with AsyncEvents() as events, open(sys.argv[2], "a") as out:
    while not stop:
        number += 1
        ids = events.publish_many([("order.created", {"n": number + n}) for n in range(4)])
        ids.append(events.publish("order.paid", {"id": number}))
        with engine.begin() as connection:
            ids.append(events.publish("order.created", {"n": number}, session=connection))
        print(*ids, sep="\\n", file=out, flush=True)
        time.sleep(0.05)
'''
_OF_THE_SCHEMA: Final = ("cached plan", "does not exist", "null value", "schema")


@define
class Started:
    """A process of a site. Its log is a file: nobody reads a pipe while it runs."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it logged, as JSON; what is none is `text`."""
        found: list[dict[str, Any]] = []
        for line in self.log.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"text": line})
        return found

    def complaints(self) -> list[str]:
        """Return what it failed with, and all that is said of the schema.

        Not that the machine was slow: of that a worker warns, too.
        """
        return [
            json.dumps(one)
            for one in self.lines()
            if one.get("level") not in ("info", "warning")
            or any(map(json.dumps(one).count, _OF_THE_SCHEMA))
        ]

    def stop(self, *, code: int = 0) -> None:
        """SIGTERM; it has to end with this exit code."""
        self.process.send_signal(signal.SIGTERM)
        found = self.process.wait(PATIENCE)
        assert found == code, f"{self.name} ended with {found}:\n{self.log.read_text()[-3000:]}"

    def said(self, words: str) -> bool:
        return words in self.log.read_text()


@define
class Site:
    """A folder with settings, on a database and a broker."""

    folder: Path
    settings: dict[str, Any]
    started: list[Started] = field(factory=list)
    _leashes: ExitStack = field(factory=ExitStack, init=False)

    def __attrs_post_init__(self) -> None:
        (self.folder / "shop.py").write_text(SERVICES)
        (self.folder / "publisher.py").write_text(PUBLISHER)
        lines = [f"{name} = {value!r}" for name, value in self.settings.items()]
        (self.folder / "site_settings.py").write_text("\n".join(lines) + "\n")

    @property
    def ids(self) -> Counter[str]:
        """The ids of all events whose publication was confirmed."""
        files = self.folder.glob("published-*")
        return Counter(line for one in files for line in one.read_text().split())

    def start(self, version: Version, *arguments: str, name: str) -> Started:
        """Start `python …` of a version, in this folder."""
        log = self.folder / f"{len(self.started)}-{name}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [str(version.python), *arguments],
                cwd=self.folder,
                env=self._environment(version),
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        found = Started(name=name, process=process, log=log)
        self.started.append(found)
        self._leashes.callback(Leash(process.pid).let_go)
        return found

    def worker(self, version: Version, *arguments: str, name: str) -> Started:
        """Start a worker, which logs JSON."""
        command = ("-m", "asyncevents_core", "worker", "--log-format", "json", *arguments)
        return self.start(version, *command, name=name)

    def run(self, version: Version, *arguments: str, code: int = 0) -> str:
        """Run `asyncevents …` of a version to its end, and return what it said."""
        done = subprocess.run(
            [str(version.python), "-m", "asyncevents_core", *arguments],
            cwd=self.folder,
            env=self._environment(version),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def publishing(self, version: Version, *, name: str) -> Iterator[Started]:
        """Publish with a version until the block ends."""
        ids = self.folder / f"published-{name}"
        command = ("publisher.py", self.settings["LEDGER_URL"], ids.name)
        publisher = self.start(version, *command, name=name)
        eventually(lambda: ids.exists() and ids.read_text(), what=f"{name} publishes")
        yield publisher
        publisher.stop()

    def end(self) -> None:
        """Leave no process behind."""
        for one in self.started:
            kill_tree(one.process)
        self._leashes.close()

    def _environment(self, version: Version) -> dict[str, str]:
        paths = [self.folder] if version.sources is None else [self.folder, version.sources]
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("ASYNCEVENTS_", "PYTHON"))
            },
            "ASYNCEVENTS_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
        }

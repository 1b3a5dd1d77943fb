"""Where an exercise takes place: a folder, recipients, and the commands that are run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from tests.integration.inbox import Inbox, open_inbox

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LONGEST: Final = 120.0
"""Seconds that a command may take."""


class NotDone(Exception):
    """What an exercise asks for is not there: its text says what was seen instead."""


@frozen(kw_only=True)
class Workbench:
    """A folder to work in, and a recipient that runs as long as the exercise does.

    The recipient accepts what is signed with `SECRET`, and answers 401 to anything else.
    """

    folder: Path
    inbox: Inbox
    _stack: ExitStack = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What commands see: the `asyncevents` of this Python, and what the instruction names."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ASYNCEVENTS_", "PYTEST_"))
        }
        return {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
            "ASYNCEVENTS_SETTINGS_MODULE": "asyncevents_settings",
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "200",
            "RECIPIENT": self.inbox.url,
            "SECRET": SECRET,
        }

    def another_inbox(self, status: int = 200) -> Inbox:
        """Return another recipient, which answers with `status`."""
        return self._stack.enter_context(open_inbox(secrets=[SECRET], status=status))

    def write(self, name: str, text: str) -> None:
        """Write a file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_settings(self, **settings: Any) -> None:
        """Write a settings module: SQLite files in the folder, and the event `order.created`."""
        values = {
            "LEDGER_URL": f"sqlite:///{self.folder}/ledger.db",
            "BROKER_URL": f"sqla+sqlite:///{self.folder}/broker.db",
            "SECRET_KEYS": ["vzDJx2b0oaDdRjNoxMTFVs4x5yt3yAbeEJLPVNhmNzE="],
            "SINKS": {"http": {"allow": ["127.0.0.0/8"]}},
            "EVENTS": {"order.created": {}},
            "INDEXERS": {"embedded": {"path": f"{self.folder}/index", "memory_mb": 16}},
            **settings,
        }
        lines = [f"{name} = {value!r}" for name, value in values.items()]
        self.write("asyncevents_settings.py", "\n".join(lines) + "\n")

    def run(self, *command: str, code: int | None = 0) -> str:
        """Run a command in the folder and return what it printed.

        `code` None: however it ends; then with what it said on standard error. Raises NotDone if
        it ends with another exit code, or takes longer than `LONGEST`.
        """
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=LONGEST,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotDone(f"{' '.join(command)}: {error}") from error
        if code is not None and done.returncode != code:
            said = (done.stdout + done.stderr).strip()
            raise NotDone(f"{' '.join(command)} ended with {done.returncode}: {said[-2000:]}")
        return done.stdout + (done.stderr if code is None else "")

    def asyncevents(self, *arguments: str, code: int | None = 0) -> str:
        """Run `asyncevents …`; see `run`."""
        return self.run(sys.executable, "-m", "asyncevents_core", *arguments, code=code)

    def python(self, script: str) -> str:
        """Run a script with the folder on its path; see `run`."""
        return self.run(sys.executable, "-c", script)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Run `asyncevents … --json` and return its lines."""
        return [json.loads(one) for one in self.asyncevents(*arguments, "--json").splitlines()]

    def publish(self, name: str = "order.created", *data: dict[str, Any], tenant: str = "") -> None:
        """Publish events, all in one command."""
        lines = [
            json.dumps({"event_name": name, "data": one, **({"tenant": tenant} if tenant else {})})
            for one in data
        ]
        self.write(".publish.jsonl", "\n".join(lines) + "\n")
        self.asyncevents("publish", "--file", ".publish.jsonl")
        (self.folder / ".publish.jsonl").unlink()

    def deliver(self) -> None:
        """Let a worker deliver until nothing is due any more."""
        self.asyncevents("worker", "--drain", "--log-level", "error")

    def arrived(self, inbox: Inbox | None = None) -> list[Any]:
        """Return the data of the events that the recipient accepted, each once, by arrival."""
        seen = {one.event_id: one.data for one in (inbox or self.inbox).accepted}
        return list(seen.values())

    def require_numbers(self, *numbers: int, inbox: Inbox | None = None) -> None:
        """Raise NotDone unless exactly the orders with these numbers were accepted, each once."""
        accepted = [one.data.get("number") for one in (inbox or self.inbox).accepted]
        if sorted(map(str, accepted)) != sorted(map(str, numbers)):
            raise NotDone(
                f"the recipient should have accepted the orders {sorted(numbers)}, "
                f"each once, and accepted {accepted}"
            )


@contextmanager
def workbench(folder: Path) -> Iterator[Workbench]:
    """Open a workbench in an empty folder; its recipients end with the block."""
    with ExitStack() as stack:
        inbox = stack.enter_context(open_inbox(secrets=[SECRET]))
        yield Workbench(folder=folder, inbox=inbox, stack=stack)

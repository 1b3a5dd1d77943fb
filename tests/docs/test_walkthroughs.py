"""Pages that one types in: their commands and files, in order, in an empty folder.

A `console` block holds commands after a dollar, and below each what it must print; a block without
a dollar goes on with what was printed. "…" stands for anything, and so do ids and times; an id that
a command printed is put into later commands. A block whose first line is a comment with a path is
that file. A command that ends in "&" runs in the background; so does the last one of a block that
begins with "# in a second terminal", or a third. Each page begins with nothing installed but what
is on this machine, Python among it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve, field, frozen

from tests.installing.installing import PIP, Installed, build_wheel
from tests.services.ports import free_port

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "docs/index.md",
    "docs/tutorials/first-delivery.md",
    "docs/tutorials/write-a-sink.md",
    "docs/how-to/deliver-to-aws.md",
    "docs/how-to/deliver-to-azure.md",
    "docs/how-to/deliver-to-google-cloud.md",
    "docs/how-to/describe-events.md",
    "docs/how-to/django.md",
    "docs/how-to/fastapi.md",
    "docs/how-to/find-an-event.md",
    "docs/how-to/flask.md",
    "docs/how-to/run-in-production.md",
    "docs/how-to/serve.md",
    "docs/how-to/talk-to-recipients.md",
    "docs/how-to/testing.md",
    "docs/how-to/write-a-resolver.md",
    "docs/how-to/write-a-retry-manager.md",
    "docs/how-to/write-an-indexer.md",
)
# Pages that mean servers are typed in beside SQLite, their other settings as they are.
SQLITE = {
    "ASYNCEVENTS_LEDGER_URL": "sqlite:///asyncevents.db",
    "ASYNCEVENTS_BROKER_URL": "sqla+sqlite:///asyncevents-broker.db",
}
SERVERS = {"docs/how-to/run-in-production.md"}
# What comes from there on needs servers, or extras, that the page does not install.
UNTIL = {
    "README.md": "## Brokers and databases",
    "docs/how-to/deliver-to-aws.md": "## On AWS",
    "docs/how-to/deliver-to-azure.md": "## Make the queue or topic",
    "docs/how-to/deliver-to-google-cloud.md": "## On Google Cloud",
    "docs/how-to/django.md": "## Settings",
    "docs/how-to/fastapi.md": "## Sessions",
    "docs/how-to/flask.md": "## Settings",
}
# What goes on until somebody has seen enough.
LIVE = {"asyncevents demo": "asyncevents demo --events 20 --exit"}

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VARYING = re.compile(
    rf"…|{UUID.pattern}|(?:\d{{4}}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{{3}}|\d+ ms|pid=\d+"
)
OTHER_TERMINAL = re.compile("# in a (second|third) terminal")
PORT = re.compile(r"(?<=[ :=])(?:9000|8080|8000|5000|8085)\b")
"""Ports on the pages; each stands for one that is free here."""
MARK = "@@ exit code"
LONGEST_STEP = 300.0
"""Seconds."""


@frozen
class Step:
    """A file to write, or a command to type and what it must print."""

    text: str
    path: str | None = None
    expected: list[str] = field(factory=list)
    background: bool = False


def steps_of(page: str) -> list[Step]:
    steps: list[Step] = []
    whole = (ROOT / page).read_text()
    for language, text in BLOCK.findall(
        whole.partition(UNTIL[page])[0] if page in UNTIL else whole
    ):
        if language == "console":
            first, *rest = lines = text.splitlines()
            second = OTHER_TERMINAL.match(first) is not None
            for line in rest if second else lines:
                if steps and not steps[-1].expected and steps[-1].text.endswith("\\"):
                    text = f"{steps[-1].text}\n{line}"
                    steps[-1] = evolve(steps[-1], text=text, background=text.endswith("&"))
                elif line.startswith("$ "):
                    steps.append(Step(line[2:], background=line.endswith("&")))
                else:
                    steps[-1].expected.append(line)
            if second:
                steps[-1] = evolve(steps[-1], background=True)
        elif found := FILE.match(text):
            steps.append(Step(text, found[1]))
    return steps


class Terminal:
    """A shell in a folder; it knows the ids that it was shown, by those that the page shows."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._ports: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def follow(self, step: Step) -> None:
        if step.path is not None:
            # Where the shell is by now.
            self._send(f"cat > {step.path} <<'END OF FILE'\n{step.text}\nEND OF FILE")
            return
        printed = self._type(step)
        for line in step.expected:
            self._look_for(line, printed)

    def close(self) -> None:
        self._send("kill $(jobs -p) 2>/dev/null; wait; exit")
        self._bash.communicate(timeout=180)

    def _type(self, step: Step) -> list[str]:
        text = LIVE.get(step.text.partition("#")[0].strip(), step.text)
        command = UUID.sub(lambda found: self._ids[found[0]], self._here(text))
        if step.background:
            port = self._here(PORT.findall(text)[-1].rjust(5)).strip()
            probe = f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null"
            # Its exit code is that of the last probe: three minutes, then the step has failed.
            # What a server says of itself comes when it listens already.
            wait = (
                f"for n in $(seq 3600); do {probe} && break; sleep 0.05; done; sleep 0.5; {probe}"
            )
            self._send(f"{command.removesuffix('&')} &\n{wait}")
        else:
            self._send(command)
        self._send(f"printf '\\n%s %s\\n' '{MARK}' $?")
        printed = list(self._lines())
        assert printed.pop() == f"{MARK} 0", (command, printed)
        return printed

    def _look_for(self, expected: str, printed: list[str]) -> None:
        """Find a line among what was printed, and learn the ids in it."""
        expected = self._here(expected).strip()
        pattern, end = r"\s*", 0
        for found in VARYING.finditer(expected):
            pattern += re.escape(expected[end : found.start()]) + "(.*?)"
            end = found.end()
        pattern = re.sub(r"(\\ )+", r"\\s+", pattern + re.escape(expected[end:])) + r"\s*"
        line = next(filter(None, (re.fullmatch(pattern, one) for one in printed)), None)
        assert line is not None, (expected, printed)
        for shown, actual in zip(VARYING.findall(expected), line.groups(), strict=True):
            if UUID.fullmatch(shown):
                self._ids.setdefault(shown, actual)

    def _here(self, text: str) -> str:
        return PORT.sub(lambda found: self._port(found[0]), text)

    def _port(self, shown: str) -> str:
        return self._ports.setdefault(shown, str(free_port()))

    def _send(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(text + "\n")
        self._bash.stdin.flush()

    def _lines(self) -> Iterator[str]:
        """Yield what is printed until the command is over: after five minutes it is killed."""
        assert self._bash.stdout is not None
        limit = threading.Timer(LONGEST_STEP, self._bash.kill)
        limit.start()
        try:
            for line in self._bash.stdout:
                yield line.rstrip("\n")
                if line.startswith(MARK):
                    return
        finally:
            limit.cancel()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    build_wheel(ROOT, folder)
    for plugin in ("http", "asgi", "aws", "azure", "django", "flask", "gcp"):
        build_wheel(ROOT / f"plugins/asyncevents-{plugin}", folder)
    return folder


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Return a folder with the `gcloud` of the pages: it starts what is here of the emulator."""
    folder = tmp_path_factory.mktemp("programs")
    gcloud = folder / "gcloud"
    gcloud.write_text(
        f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m tests.services.pubsub "$@"\n'
    )
    gcloud.chmod(0o755)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_the_page_works_as_it_is_written(page, wheels, programs, tmp_path):
    steps = steps_of(page)
    assert any(step.expected for step in steps)
    installed = Installed(tmp_path, wheels)
    if not any("pip install" in one.text and "asyncevents-" in one.text for one in steps):
        # Pages for authors of plugins begin where the application has it.
        installed.install("asyncevents-core")
    home = tmp_path / "home"
    home.mkdir()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASYNCEVENTS_", "PYTHON", "VIRTUAL_ENV"))
    }
    environment = {
        **kept,
        **(SQLITE if page in SERVERS else {}),
        "PATH": f"{installed.python.parent}:{programs}:/usr/bin:/bin",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        **PIP,
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
    }
    terminal = Terminal(home, environment)
    try:
        for step in steps:
            terminal.follow(step)
    finally:
        terminal.close()

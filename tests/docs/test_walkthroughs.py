"""Pages that one types in: their commands and files, in order, in an empty folder.

A `console` block holds commands after a dollar, and below each what it must print, "…" standing for
anything. A block whose first line is a comment with a path is that file.
"""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

from tests.installing.installing import Installed, build_wheel, run

ROOT = Path(__file__).parents[2]
PAGES = (
    "docs/tutorials/write-a-sink.md",
    "docs/how-to/write-a-resolver.md",
    "docs/how-to/write-a-retry-manager.md",
    "docs/how-to/write-an-indexer.md",
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
MARK = "@@ command"
PORT = "9000"


class Session:
    """A page as a shell script, and what each of its commands must print."""

    def __init__(self, page: Path, port: int) -> None:
        self.lines = ["set -eu", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
        self.expected: list[list[str]] = []
        self._port = port
        for language, text in BLOCK.findall(page.read_text()):
            if language == "console":
                self._commands(text)
            elif found := FILE.match(text):
                self.lines += [f"cat > {found[1]} <<'END OF FILE'", text, "END OF FILE"]

    def _commands(self, text: str) -> None:
        for line in text.splitlines():
            if not line.startswith("$ "):
                self.expected[-1].append(line)
                continue
            self.lines += [f"echo '{MARK}'", line[2:].replace(PORT, str(self._port))]
            self.expected.append([])
            if line.endswith("&"):
                probe = f"(exec 3<>/dev/tcp/127.0.0.1/{self._port}) 2>/dev/null"
                self.lines.append(f"until {probe}; do sleep 0.05; done")


def matches(expected: str, printed: list[str]) -> bool:
    """Tell whether a line is among what was printed, or part of it where "…" leaves it open."""
    pattern = r"\s*" + r".*".join(
        re.escape(part).replace(r"\ ", r"\s+") for part in expected.strip().split("…")
    )
    return any(re.fullmatch(pattern + r"\s*", line) for line in printed)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    build_wheel(ROOT, folder)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_the_page_works_as_it_is_written(page, wheels, tmp_path):
    port = free_port()
    session = Session(ROOT / page, port)
    installed = Installed(tmp_path, wheels)
    installed.install("asyncevents-core")
    home = tmp_path / "home"
    home.mkdir()
    script = tmp_path / "page.sh"
    script.write_text("\n".join(session.lines))
    path = f"{installed.python.parent}:{Path(sys.executable).parent}:/usr/bin:/bin"
    output = run("bash", script, cwd=home, PATH=path, PIP_FIND_LINKS=str(wheels), COLUMNS="200")
    printed = [part.splitlines() for part in output.split(MARK)[1:]]
    assert len(printed) == len(session.expected)
    assert any(session.expected)
    for expected, lines in zip(session.expected, printed, strict=True):
        for one in expected:
            assert matches(one.replace(PORT, str(port)), lines), (one, lines)

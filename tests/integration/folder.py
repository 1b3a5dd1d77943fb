"""A framework's project in a folder of its own, and the programs that were started in it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from attrs import define, field

from tests.integration.project import PATIENCE, kill_tree
from tests.services.leash import Leash

PYTEST = (
    "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider",
    "-o", "asyncio_default_fixture_loop_scope=function",
)  # fmt: skip
"""Arguments of Python: pytest, for which every warning is an error."""
_NOT_OURS = ("ASYNCEV", "DJANGO", "FLASK", "PYTEST", "SHOP")
"""How variables begin that would lead these programs elsewhere."""


@define(slots=False, kw_only=True)
class Folder:
    """A folder with Python in it. `path` is what comes before all else on its import path."""

    folder: Path
    path: tuple[str, ...] = ()
    running: list[subprocess.Popen[str]] = field(factory=list)
    _leashes: ExitStack = field(factory=ExitStack, init=False)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(textwrap.dedent(text))

    @property
    def environment(self) -> Mapping[str, str]:
        path = [*self.path, str(self.folder), os.environ.get("PYTHONPATH", "")]
        return {
            **{name: one for name, one in os.environ.items() if not name.startswith(_NOT_OURS)},
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "PYTHONWARNINGS": "default",
            "COLUMNS": "200",
        }

    def python(
        self, *arguments: str, exit_code: int | None = 0, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `python …` to its end, and check how it ended."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.environment, **extra},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert exit_code is None or done.returncode == exit_code, done.stdout + done.stderr
        return done

    def start(
        self, *arguments: str, cwd: Path | None = None, **extra: str
    ) -> subprocess.Popen[str]:
        """Start `python …` and return at once; it is killed in the end."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd or self.folder,
            env={**self.environment, **extra},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        self._leashes.callback(Leash(process.pid).let_go)
        return process

    def end(self) -> None:
        """Leave no process behind."""
        for process in self.running:
            kill_tree(process)
            if process.stderr is not None:
                process.stderr.close()
        self._leashes.close()

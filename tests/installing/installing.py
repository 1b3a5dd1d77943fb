"""Distributions as a stranger installs them: wheels, in a virtual environment of their own."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

PIP: Mapping[str, str] = {"PIP_NO_COMPILE": "0"}
"""Environment of pip: a program compiles what it imports, which is little of what is installed.

Of an option that denies, pip takes the value of what it denies: 0 is "do not compile".
"""


def run(*command, cwd, **extra: str) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASYNCEVENTS_", "PYTHON"))
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, **extra},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheel(project: Path, into: Path) -> None:
    """Build the wheel of a project into a folder."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", into, cwd=project)


@functools.cache
def _pip() -> Path:
    """Return an environment with the tests' own pip: to copy it takes less time than to make it."""
    folder = Path(tempfile.mkdtemp(prefix="pip-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    venv.create(folder, with_pip=False)
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python",
        "install", "-q", "--disable-pip-version-check", f"pip=={version('pip')}",
        cwd=folder)  # fmt: skip
    return folder


def _put_pip_into(environment: Path) -> None:
    source = _pip()
    (packages,) = source.glob("lib/*/site-packages")
    into = environment / packages.relative_to(source)
    shutil.copytree(packages, into, dirs_exist_ok=True)
    for script in (source / "bin").glob("pip*"):
        text = script.read_text().replace(str(source), str(environment))
        copy = environment / "bin" / script.name
        copy.write_text(text)
        copy.chmod(0o755)


class Installed:
    """A virtual environment, and a folder to work in.

    `with_pip` puts pip into it, for who types `pip install` there; `install` does without.
    """

    def __init__(self, folder: Path, wheels: Path, *, with_pip: bool = True) -> None:
        self.folder = folder
        self._wheels = wheels
        self._bin = folder / ".venv" / "bin"
        self.python = self._bin / "python"
        venv.create(folder / ".venv", with_pip=False)
        if with_pip:
            _put_pip_into(folder / ".venv")

    def install(self, *names: str) -> None:
        # The tests' own pip: it is compiled already, and newer than the one that Python brings.
        run(sys.executable, "-m", "pip", "--python", self.python,
            "install", "-q", "--disable-pip-version-check",
            "--find-links", self._wheels, *names, cwd=self.folder, **PIP)  # fmt: skip

    def asyncevents(self, *arguments: str) -> str:
        return run(
            self._bin / "asyncevents",
            *arguments,
            cwd=self.folder,
            ASYNCEVENTS_SETTINGS_MODULE="asyncevents_settings",
        )

    def rows(self, *arguments: str) -> list[dict]:
        return [json.loads(line) for line in self.asyncevents(*arguments, "--json").splitlines()]

    def sinks(self) -> dict[str, str]:
        found = self.rows("plugins")
        return {one["name"]: one["distribution"] for one in found if one["kind"] == "sink"}

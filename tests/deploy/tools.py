"""The tools that look at what is deployed: found on the path, or beside Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.services.needs import SYSTEMD

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_ADVICE: Final = {
    "hadolint": "pip install --group dev",
    "check-jsonschema": "pip install --group dev",
    "kubernetes-validate": "pip install --group dev",
    "helm": "go install helm.sh/helm/v3/cmd/helm@latest",
    "systemd-analyze": SYSTEMD.advice,
}


def tool(name: str) -> str:
    """Return the path of a program; skip where it is not here, and say how to get it."""
    go = Path(os.environ.get("GOBIN") or Path.home() / "go/bin")
    places = [os.environ.get("PATH", ""), str(Path(sys.executable).parent), str(go)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.skip(f"{name} is not here: {_ADVICE[name]}")
    return found


def run(
    name: str, *arguments: object, code: int = 0, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end, and check how it ended."""
    done = subprocess.run(
        [tool(name), *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done

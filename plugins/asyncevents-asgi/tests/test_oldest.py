"""The oldest versions that the extras allow: the tests of a framework pass with them, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installing.beside import install_beside
from tests.integration.project import PATIENCE

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@pytest.mark.parametrize(
    ("oldest", "module"),
    [("fastapi==0.121.0", "test_fastapi.py"), ("starlette==0.40.0", "test_starlette.py")],
)
def test_with_the_oldest(oldest, module, tmp_path):
    name, _, version = oldest.partition("==")
    allowed = (HERE.parent / "pyproject.toml").read_text()
    assert f'"{name}>={version.removesuffix(".0")},' in allowed
    install_beside(tmp_path, oldest)
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "ASYNCEV"))
    }
    # What was new to them warns by now.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "ignore", str(HERE / module)],
        cwd=ROOT, env={**environment, "PYTHONPATH": str(tmp_path)}, capture_output=True,
        text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

"""Other libraries, or other versions, in a folder beside those that are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_LONGEST = 300.0
"""Seconds."""


def install_beside(folder: Path, *wanted: str, dependencies: bool = True) -> str:
    """Install into a folder, for the front of a path, and return it; skip where pip cannot."""
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
            "--target", str(folder), *([] if dependencies else ["--no-deps"]), *wanted,
        ],
        capture_output=True, text=True, timeout=_LONGEST, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"pip cannot install {' '.join(wanted)}: {done.stderr.strip()[-200:]}")
    return str(folder)

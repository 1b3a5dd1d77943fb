"""Packages of npm that tests need, each installed once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.services.needs import find_program


def installed(source: Path) -> Path:
    """Return a copy of a folder in which what its `package.json` names is installed."""
    files = sorted(one for one in source.iterdir() if one.is_file())
    digest = hashlib.sha256(b"\0".join(one.read_bytes() for one in files)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    made = cache / "asyncevents-tests" / f"{source.name}-{digest}"
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as temporary:
        folder = Path(temporary) / source.name
        shutil.copytree(source, folder)
        npm = find_program("npm") or "npm"
        done = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"npm cannot install it: {done.stdout}{done.stderr}"
        try:
            folder.rename(made)
        except OSError:  # another process was faster
            assert made.exists()
    return made

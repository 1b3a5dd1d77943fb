"""Files that hold what was published, and secrets: for their owner only, if we make them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_FILE: Final = 0o600
_FOLDER: Final = 0o700


def make_file(path: Path) -> None:
    """Make an empty file that only its owner can read and write, where there is none.

    One that is there keeps its rights: somebody may share it. What cannot be made is left to
    whoever opens it.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE))


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, where there is none. Raises `OSError`."""
    path.mkdir(mode=_FOLDER, parents=True, exist_ok=True)

"""The processes of asyncevents on one machine that answer at one address: each has a seat.

A seat is a number, the lowest that is free, with a locked file and a socket in a folder that only
this user can read. The system frees the lock of a process however it ends. Its successor gets the
same number, so that there are no more of them than there were processes at one time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MOST: Final = 256
"""Seats at one address."""


class NoSeat(Exception):
    """There is no seat to be had; the message says why. Such a process answers for itself only."""


class Seat:
    """One process's seat among those at `port`. Raises `NoSeat`. Used by one thread."""

    def __init__(self, port: int) -> None:
        if fcntl is None:
            raise NoSeat("this system has no locks that end with their process")
        self._folder = _folder(port)
        for number in range(MOST):
            lock = self._lock(number)
            if lock is not None:
                self.number, self._held = number, lock
                break
        else:
            raise NoSeat(f"{MOST} processes answer at this address")
        with suppress(FileNotFoundError):
            # It was left by a process that was killed.
            self.path.unlink()

    @property
    def path(self) -> Path:
        """Where this process is asked by the others."""
        return _socket(self._folder, self.number)

    def others(self) -> Iterator[tuple[int, Path]]:
        """Return the numbers and sockets of those that are there besides."""
        for file in sorted(self._folder.glob("*.lock")):
            number = int(file.stem)
            if number == self.number:
                continue
            lock = self._lock(number)
            if lock is None:
                yield number, _socket(self._folder, number)
            else:
                os.close(lock)

    def leave(self) -> None:
        """Give the seat back."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        os.close(self._held)

    def _lock(self, number: int) -> int | None:
        """Return a locked file, None if another process has it."""
        file = os.open(self._folder / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        return file


def _socket(folder: Path, number: int) -> Path:
    return folder / f"{number}.sock"


def _folder(port: int) -> Path:
    """Return the folder for a port, made if need be, which is this user's alone."""
    folder = Path(tempfile.gettempdir()) / f"asyncevents-{os.getuid()}-{port}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise NoSeat(f"{folder} cannot be used: {error}") from error
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        # Whoever made it would be believed.
        raise NoSeat(f"{folder} is not this user's alone")
    return folder

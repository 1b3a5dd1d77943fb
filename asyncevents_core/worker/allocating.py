"""How the C library hands memory out, in a process that takes and returns much of it at a time."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 256 * 1024
"""Bytes. What is as large goes back to the system at once when it is freed."""
_SAID: Final = ("MALLOC_", "GLIBC_TUNABLES")


def give_back() -> None:
    """Let memory that was freed go back to the system, where the C library is glibc.

    By itself it keeps what each thread has freed, for that thread. For a process that feeds an
    index: a batch is large, and is made, written and freed on several threads in turn. Not where
    the environment says how memory is handed out. To be called before there are threads.
    """
    if any(name.startswith(_SAID) for name in os.environ):
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        # Another C library has no such function: it is no mistake to go without.
        library.gnu_get_libc_version  # noqa: B018
        library.mallopt(_M_ARENA_MAX, 1)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)

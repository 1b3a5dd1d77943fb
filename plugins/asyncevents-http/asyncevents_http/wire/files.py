"""How many files, and so connections, a process may have."""

from __future__ import annotations

from typing import Final

_MANY: Final = 8192


def open_files() -> int:
    """Return how many files this process may open at once."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return _MANY
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if soft == resource.RLIM_INFINITY else soft

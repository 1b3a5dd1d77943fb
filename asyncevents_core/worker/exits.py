"""The exit codes of a worker."""

from __future__ import annotations

from typing import Final

EXIT_OK: Final = 0
EXIT_AT_ONCE: Final = 1
"""A second signal, or time is over: what is under way is left to other workers."""
EXIT_STUCK: Final = 3
"""Something hangs: threads of services or sinks, or what the watchdog looks at. The process wants
to be started anew."""
EXTRA_GRACE: Final = 10.0
"""Seconds beyond SHUTDOWN_GRACE for a worker to end; then it is ended."""

"""How the threads of a worker wake each other."""

from __future__ import annotations

import threading


class Bell:
    """Wakes one thread; rings are not counted. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Wake the thread, or let its next `wait` return at once."""
        self._event.set()

    def wait(self, timeout: float) -> None:
        """Sleep until rung, at most `timeout` seconds."""
        self._event.wait(max(0.0, timeout))
        self._event.clear()

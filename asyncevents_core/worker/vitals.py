"""Whether a worker is well, as its watchdog tells the thread that writes its signs of life."""

from __future__ import annotations


class Vitals:
    """Written by the watchdog, read by the bookkeeper; without a lock."""

    def __init__(self) -> None:
        self.stalled = False
        """Something without which nothing is delivered stands still: no sign of life, then."""
        self.trouble: str | None = None
        """What is wrong, in words for people who read the status; None if nothing is."""

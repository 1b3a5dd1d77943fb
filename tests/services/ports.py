"""Ports for servers of the tests' own."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

# Below those that systems give to connections: one of these would take the port again
# before the server that it was found for can listen.
_FIRST: Final = 20_000
_LAST: Final = 32_000


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing uses, drawn at random."""
    # Not the generator that libraries seed: two processes would draw the same.
    dice = random.SystemRandom()
    while True:
        port = dice.randrange(_FIRST, _LAST)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port

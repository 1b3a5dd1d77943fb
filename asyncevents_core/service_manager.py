"""What systemd is told by a process that it started: `Type=notify` and `WatchdogSec`.

By sd_notify(3) and sd_watchdog_enabled(3). Elsewhere nothing is told, and nothing fails.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

logger = logging.getLogger("asyncevents.service_manager")

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = "WATCHDOG_USEC"
_WATCHED: Final = "WATCHDOG_PID"


class ServiceManager:
    """Takes the variables that systemd has set out of `environment`: children get none of them.

    Used by one thread.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop(_SOCKET, None)
        every = environment.pop(_WATCHDOG, None)
        watched = environment.pop(_WATCHED, None)
        self._alive_every: float | None = None
        if every is not None and every.isdigit() and watched in (None, str(os.getpid())):
            # Twice within the time, as the manual advises.
            self._alive_every = int(every) / 2e6
        self._alive_at = 0.0

    def ready(self) -> None:
        """The process does its work from now on."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """It ends, and takes its time for it."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """It goes on. To be called often; systemd is told as often as it asked for."""
        if self._alive_every is not None and time.monotonic() >= self._alive_at:
            self._alive_at = time.monotonic() + self._alive_every
            self._tell("WATCHDOG=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        # A name that begins with @ is none in the file system.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.settimeout(1.0)
                told.sendto(state.encode(), address)
        except OSError as error:
            logger.warning("systemd cannot be told", extra={"state": state, "error": str(error)})

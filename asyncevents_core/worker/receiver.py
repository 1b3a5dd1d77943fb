"""The thread that owns the broker's connection: receives hand-offs and acknowledges them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.engine.shared.progress import Progress
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import Consumer, HandOff
from asyncevents_core.worker.inboxes import Inbox

logger = logging.getLogger("asyncevents.worker.receiver")

PREFETCH: Final = 20
"""Messages ahead: a thousand events at most, so that one process does not hoard a backlog."""
_BUSY_WAIT: Final = 0.05
_IDLE_WAIT: Final = 0.5
_LONGEST_PAUSE: Final = 10.0


class Receiver:
    """Receives while there is room in the prefetch window; connects again after an outage.

    Delivery does not depend on it: with the broker away the sweep finds what is due. `met` is told
    whose messages arrive in the same queue.
    """

    def __init__(
        self,
        *,
        name: str,
        connect: Callable[[], Consumer],
        inbox: Inbox,
        met: Callable[[Sequence[Neighbour]], None],
    ) -> None:
        self._connect = connect
        self._met = met
        self.progress = Progress(f"the thread of {name!r} from the broker")
        self._inbox = inbox
        self._stop = threading.Event()
        self._outstanding: dict[int, HandOff] = {}
        self.connected = False
        """Whether it receives: where it could not connect, or lost its connection, it does not."""
        self.found_nothing = False
        """Whether there was nothing to receive when it last looked, or no broker to ask."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop receiving; what was not acknowledged comes again. Waits for the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        self.progress.begin()
        pause = 0.0
        while not self._wait(pause):
            try:
                with self._connect() as consumer:
                    self._outstanding.clear()
                    self._inbox.connected_anew()
                    while not self._stop.is_set():
                        self.progress.step()
                        self._step(consumer)
                        # Not before: a consumer connects when it is first asked.
                        self.connected = True
                        if pause:
                            logger.info("the broker answers again")
                            pause = 0.0
                    self._send_acks(wait=0.0)
            except BrokerUnavailable as error:
                self.connected, self.found_nothing = False, True
                if not pause:
                    logger.warning(
                        "the broker does not answer; delivery goes on from the ledger",
                        extra={"error": str(error)},
                    )
                pause = min(_LONGEST_PAUSE, max(0.5, pause * 2))
            except Exception:
                self.connected, self.found_nothing = False, True
                logger.exception("receiving failed; delivery goes on from the ledger")
                pause = min(_LONGEST_PAUSE, max(0.5, pause * 2))
        self.progress.end()

    def _wait(self, pause: float) -> bool:
        """Wait for so long; return whether to stop."""
        self.progress.rest()
        stop = self._stop.wait(pause)
        self.progress.step()
        return stop

    def _step(self, consumer: Consumer) -> None:
        full = len(self._outstanding) >= PREFETCH
        self._send_acks(wait=_BUSY_WAIT if full else 0.0)
        # Also when nothing more may come: it keeps the connection's heartbeat going.
        full = len(self._outstanding) >= PREFETCH
        busy = 0.0 if full else _BUSY_WAIT
        messages = consumer.receive(busy if self._outstanding else _IDLE_WAIT)
        self.found_nothing = not (messages or self._outstanding)
        if messages:
            self._outstanding.update((id(message), message) for message in messages)
            self._inbox.put(messages)
        if neighbours := consumer.neighbours():
            self._met(neighbours)

    def _send_acks(self, *, wait: float) -> None:
        """Acknowledge what is there, waiting up to `wait` seconds for the first one.

        Messages of an earlier connection cannot be acknowledged: they come again, and find
        nothing open.
        """
        for message in self._inbox.claimed(wait):
            if self._outstanding.pop(id(message), None) is message:
                message.ack()
